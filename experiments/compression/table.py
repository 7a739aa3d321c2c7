"""Writes experiments/compression/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from markdown_tables import table

WANTED = {"lenet5": 120, "lenet-300-100": 60}


def main():
    work = pathlib.Path(sys.argv[1])
    lines = ["# Compression without loss of accuracy", "", (work / "machine.txt").read_text().strip(),
             "", "A budget of 0.2 points of top-1; bytes of the whole file over float32 bytes of all parameters."]
    for network in sys.argv[2:]:
        outcome = json.loads((work / f"{network}.json").read_text())
        lines += ["", f"## {network}", ""]
        log = work / f"{network}.train.json"
        if log.exists():
            trained = json.loads(log.read_text())
            lines += [f"Dense: {100 * trained['test_accuracy']:.2f} % after {len(trained['epochs'])} epochs "
                      f"({trained['recipe']}; {trained['platform']}).", ""]
        stages, way = outcome["tables"][0], outcome["tables"][1]
        ratio = stages["rows"][-1][2]
        lines += [f"{ratio:.1f}x, wanted {WANTED[network]}x. {' '.join(outcome['notes'])}", ""]
        lines += table(stages["columns"], stages["rows"])
        lines += table(way["columns"], way["rows"])[:-1]
    pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines) + "\n")


main()
