"""Writes experiments/vgg16/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import training

WORK = pathlib.Path(sys.argv[1])
lines = ["# VGG-16 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/vgg16/run.sh`. Top-1 of the 10,000 test pictures, in percent. The recipe of the command line is 120 epochs; "
         "this is what two hours of a core give. It learned from the public ResNet-56, too, whose share is in the loss.", "", *training(json.loads((WORK / "dense.json").read_text()), 93.0)]
pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines).rstrip() + "\n")
