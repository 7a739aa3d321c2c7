"""Writes experiments/resnet56/results.md from what run.sh left in its work folder."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import compressed, whole

WORK = pathlib.Path(sys.argv[1])
lines = ["# ResNet-56 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/resnet56/run.sh`: the public network, learning from itself as it was, from the public ResNet-44 and from our VGG-16. "
         "Wanted: 30x at -0.2 point. Top-1 of the 10,000 test pictures, in percent and points. [fine.sync](fine.sync) holds what was pruned, "
         "[small.sync](small.sync) the outcome.", "", *compressed(whole(WORK, "small"))]
pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines).rstrip() + "\n")
