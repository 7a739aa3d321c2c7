"""Writes experiments/resnet20/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import markdown_tables
from markdown_tables import table, training

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
BARS = {"dense": 91.5, "magnitude": "-", "coarse": -0.5, "balanced": "-0.2 to single weights"}
STRUCTURES = {"magnitude": "single weights", "coarse": "16 outputs share an index", "balanced": "2 of 9 in every kernel"}


def read(*words):
    return markdown_tables.read(PROGRAM, *words)


def pruned_network(name):
    """Magnitude ends in codebooks; what was pruned and tuned is among its states."""
    model = WORK / f"{name}.onnx"
    return model if model.exists() else sorted((WORK / f"{name}.work").glob("settle-*.onnx"))[-1]


def structure(name):
    """Percent of weights, JBIG and index bytes, fullest kernel over the mean kernel of the worst layer."""
    found = {t["title"].split(":")[0]: t for t in read("inspect", pruned_network(name), "--sparsity", "--json")["tables"]}
    total = dict(zip(found["Irregularity"]["columns"], found["Irregularity"]["rows"][-1]))
    return total["kept"], total["JBIG"], total["index"], max(row[2] for row in found["Imbalance"]["rows"])


def main():
    lines = ["# ResNet-20 on CIFAR-10", "", (WORK / "machine.txt").read_text().strip(), "",
             "Made by `experiments/resnet20/run.sh`. Top-1 of the 10,000 test pictures, in percent and points.", ""]
    if (WORK / "dense.json").exists():
        lines += training(json.loads((WORK / "dense.json").read_text()), BARS["dense"])
    outcomes = {name: json.loads((WORK / f"{name}.json").read_text()) for name in STRUCTURES if (WORK / f"{name}.json").exists()}
    if outcomes:
        lines += ["## Pruned to a fifth", "",
                  "From the public network, learning from the public ResNet-56 too, for the epochs stated.", ""]
        rows = []
        for name, outcome in outcomes.items():
            dense, kept = outcome["tables"][0]["rows"][:2]
            epochs = sum(row[3] for row in outcome["tables"][1]["rows"] if not row[0].startswith(("codebooks", "zeros")))
            rows.append([STRUCTURES[name], *structure(name), epochs, kept[3], f"{kept[3] - dense[3]:+.2f}", str(BARS[name])])
        lines += table(["structure", "% of weights", "JBIG bytes", "index bytes", "fullest kernel over mean", "epochs", "top-1", "change", "wanted"], rows)
    for name, outcome in outcomes.items():
        lines += [f"### {STRUCTURES[name].capitalize()}", "", " ".join(outcome["notes"]), ""]
        for part in outcome["tables"][:2]:
            lines += table(part["columns"], part["rows"])
    if (WORK / "clustered.json").exists():
        outcome = json.loads((WORK / "clustered.json").read_text())
        lines += ["## Compressed, clustered while trained", "",
                  "The network above that was trained from scratch; it learns from the public ResNet-56. "
                  "Wanted: 25x at -0.2 point. " + " ".join(outcome["notes"]), ""]
        for part in outcome["tables"][:2]:
            lines += table(part["columns"], part["rows"])
    pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines).rstrip() + "\n")


main()
