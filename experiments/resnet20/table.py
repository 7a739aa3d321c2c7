"""Writes experiments/resnet20/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import compressed, pruned, training, whole

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
HERE = pathlib.Path(__file__).parent
BARS = {"coarse": -0.5, "balanced": "-0.2 to single weights"}
STRUCTURES = {"coarse": "16 outputs share an index", "balanced": "2 of 9 in every kernel"}

lines = ["# ResNet-20 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/resnet20/run.sh`. Top-1 of the 10,000 test pictures, in percent and points.", "",
         *training(json.loads((HERE / "dense.json").read_text()), 91.5)]
fifth = pruned(PROGRAM, WORK, STRUCTURES, BARS)
if fifth:
    lines += ["## Pruned to a fifth", "", "From the network above, learning from the public ResNet-56 too, for the epochs stated. "
              "[coarse.sync](coarse.sync) holds the first.", "", *fifth]
if (WORK / "small.json").exists():
    lines += ["## Compressed", "", "From the network above, learning from the public ResNet-56, too. Wanted: 25x at -0.2 point. "
              "[fine.sync](fine.sync) holds what settled, [small.sync](small.sync) the outcome.", "",
              *compressed(whole(WORK, "small"))]
(HERE / "results.md").write_text("\n".join(lines).rstrip() + "\n")
