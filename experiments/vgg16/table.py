"""Writes experiments/vgg16/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import training

WORK = pathlib.Path(sys.argv[1])
HERE = pathlib.Path(__file__).parent
log, kept = (json.loads((WORK / name).read_text()) for name in ("dense.json", "kept.json"))
lines = ["# VGG-16 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/vgg16/run.sh`. Top-1 of the 10,000 test pictures, in percent. The recipe of the command line is 120 epochs; "
         "this is what an hour and a half of two cores give. It learned from the public ResNet-56, too, whose share is in the loss.", "",
         *training(log, 93.0),
         f"[dense.sync](dense.sync) keeps it in {(HERE / 'dense.sync').stat().st_size:,} bytes, weights clustered to 64 values a layer: "
         f"{100 * kept['test_accuracy']:.2f} %."]
(HERE / "results.md").write_text("\n".join(lines) + "\n")
