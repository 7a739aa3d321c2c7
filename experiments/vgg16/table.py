"""Writes experiments/vgg16/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import compressed, pruned, training, whole

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
HERE = pathlib.Path(__file__).parent
BARS = {"coarse": -0.1, "magnitude": "-", "balanced": "-0.2 to single weights"}
STRUCTURES = {"coarse": "16 outputs share an index", "magnitude": "single weights", "balanced": "2 of 9 in every kernel"}

lines = ["# VGG-16 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
         "Made by `experiments/vgg16/run.sh`. Top-1 of the 10,000 test pictures, in percent and points.", ""]
log, dense, coarse = (json.loads((HERE / name).read_text()) for name in ("dense.json", "dense-kept.json", "coarse-kept.json"))
lines += [*training(log, 93.0),
          f"An epoch takes {sorted(e['seconds'] for e in log['epochs'])[len(log['epochs']) // 2]:.1f} s. "
          f"[dense.sync](dense.sync) keeps it in {(HERE / 'dense.sync').stat().st_size:,} bytes, weights clustered to 128 values a layer: "
          f"{100 * dense['test_accuracy']:.2f} %. The others begin with that file.", ""]
fifth = pruned(PROGRAM, WORK, STRUCTURES, BARS)
if fifth:
    lines += ["## Pruned to a fifth", "", "Learning from the public ResNet-56 too, for the epochs stated. [coarse.sync](coarse.sync) keeps the first in "
              f"{(HERE / 'coarse.sync').stat().st_size:,} bytes, clustered as dense.sync: {100 * coarse['test_accuracy']:.2f} %.", "", *fifth]
if (WORK / "small.json").exists():
    fine = json.loads((HERE / "fine-kept.json").read_text())
    lines += ["## Compressed", "", "Learning from the public ResNet-56, too. Wanted: 150x at -0.2 point. [fine.sync](fine.sync) keeps the zeros of the first rate "
              f"in {(HERE / 'fine.sync').stat().st_size:,} bytes, clustered as dense.sync: {100 * fine['test_accuracy']:.2f} %. [small.sync](small.sync) is the "
              "outcome.", "",
              *compressed(whole(WORK, "small"))]
(HERE / "results.md").write_text("\n".join(lines).rstrip() + "\n")
