"""Writes experiments/resnet20/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import compressed, pruned, training

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
BARS = {"magnitude": "-", "coarse": -0.5, "balanced": "-0.2 to single weights"}
STRUCTURES = {"magnitude": "single weights", "coarse": "16 outputs share an index", "balanced": "2 of 9 in every kernel"}

lines = ["# ResNet-20 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/resnet20/run.sh`. Top-1 of the 10,000 test pictures, in percent and points.", ""]
if (WORK / "dense.json").exists():
    lines += training(json.loads((WORK / "dense.json").read_text()), 91.5)
fifth = pruned(PROGRAM, WORK, STRUCTURES, BARS)
if fifth:
    lines += ["## Pruned to a fifth", "", "From the public network, learning from the public ResNet-56 too, for the epochs stated.", "", *fifth]
if (WORK / "clustered.json").exists():
    lines += ["## Compressed, clustered while trained", "",
              "The network above that was trained from scratch; it learns from the public ResNet-56. Wanted: 25x at -0.2 point.", "",
              *compressed(json.loads((WORK / "clustered.json").read_text()))]
pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines).rstrip() + "\n")
