"""Writes experiments/balanced/results.md from what run.sh left in its work folder."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import markdown_tables
from markdown_tables import table

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
BARS = {"half": 0.1, "layers": 0.5}


def read(*words):
    return markdown_tables.read(PROGRAM, *words)


def score(model):
    found = read("eval", model, "--data", "cifar10", "--json", "-")
    return [100 * found[f"{way}_top1"] / found["pictures"] for way in ("float", "fixed")]


def layers(model):
    """Per layer: name, density in percent, fullest kernel over the mean."""
    tables = {t["title"].split(":")[0]: t["rows"] for t in read("inspect", model, "--sparsity", "--json")["tables"]}
    fullest = {row[0]: row[2] for row in tables["Imbalance"]}
    nodes = {n["name"]: n for n in read("inspect", model, "--json")["nodes"]}
    return [[name, 100 * (1 - nodes[name]["zeros"] / nodes[name]["weights"]), fullest[name]] for name in fullest]


def main():
    dense = score(sys.argv[3])
    lines = ["# Balanced training (Sense)", "", (WORK / "machine.txt").read_text().strip(), "",
             "ResNet-20 on CIFAR-10 (10,000 test pictures), every kernel of a layer with as many weights. "
             "`experiments/balanced/run.sh` makes this.", ""]
    rows = [["dense", 100.0, *dense, 0.0, "-", "-"]]
    kept = {}
    for name, bar in BARS.items():
        model = WORK / f"{name}.onnx"
        if not model.exists():
            continue
        kept[name] = layers(model)
        nodes = read("inspect", model, "--json")["nodes"]
        weights = sum(n["weights"] for n in nodes if n["name"] in {row[0] for row in kept[name]})
        zeros = sum(n["zeros"] for n in nodes if n["name"] in {row[0] for row in kept[name]})
        found = score(model)
        rows.append([{"half": "one half (4 of 9)", "layers": "each layer its own"}[name], 100 * (1 - zeros / weights), *found,
                     found[0] - dense[0], f"-{bar}", max(row[2] for row in kept[name])])
    lines += table(["network", "% of weights", "top-1, float", "top-1, 16 bits", "change", "wanted", "fullest kernel over mean"], rows)
    log = json.loads((WORK / "half.json").read_text())
    lines += ["## One half", "", f"{log['recipe']}, imitating the dense network; {log['platform']}.", ""]
    lines += table(["epoch", "loss", "top-1 of training pictures", "top-1"],
                   [[e["epoch"], f"{e['loss']:.4f}", 100 * e["train_accuracy"], 100 * e["test_accuracy"]] for e in log["epochs"]])
    if (WORK / "layers.json").exists():
        outcome = json.loads((WORK / "layers.json").read_text())
        lines += ["## Each layer its own", "", f"Goes on from one half: {' '.join(outcome['notes'])}", ""]
        way = outcome["tables"][1]
        lines += table(way["columns"], way["rows"])
        lines += table(["layer", "% of weights", "fullest kernel over mean"], kept["layers"])
    pathlib.Path(__file__).with_name("results.md").write_text("\n".join(lines).rstrip() + "\n")


main()
