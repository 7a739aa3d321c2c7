"""Tables of the experiments' results.md."""
import json
import subprocess


def read(program, *words):
    """What a command prints as JSON."""
    return json.loads(subprocess.run([program, *map(str, words)], check=True, capture_output=True, text=True).stdout)


def cell(value):
    return value if isinstance(value, str) else f"{value:,.0f}" if value == int(value) else f"{value:.2f}"


def training(log, wanted):
    """A section about a network that was trained from scratch, from what `train --json` wrote."""
    return ["## Trained from scratch", "",
            f"{100 * log['test_accuracy']:.2f} %, wanted {wanted} %: {log['recipe']}; {log['platform']}.", "",
            *table(["epoch", "loss", "top-1 of training pictures", "top-1"],
                   [[str(e["epoch"]), f"{e['loss']:.4f}", 100 * e["train_accuracy"],
                     100 * e["test_accuracy"] if "test_accuracy" in e else "-"] for e in log["epochs"]])]


def pruned(program, work, structures, bars):
    """A table of networks pruned to a fifth, from what `compress --json` left in `work`, then each one's stages and way.
    `structures`: name to words."""
    rows, details = [], []
    for name, words in structures.items():
        if not (work / f"{name}.json").exists():
            continue
        outcome = whole(work, name)
        found = {t["title"].split(":")[0]: t for t in read(program, "inspect", work / f"{name}.onnx", "--sparsity", "--json")["tables"]}
        total = dict(zip(found["Irregularity"]["columns"], found["Irregularity"]["rows"][-1]))
        dense, kept = outcome["tables"][0]["rows"][:2]
        epochs = sum(row[3] for row in outcome["tables"][1]["rows"])
        rows.append([words, total["kept"], total["JBIG"], total["index"], max(row[2] for row in found["Imbalance"]["rows"]), epochs,
                     kept[3], f"{kept[3] - dense[3]:+.2f}", str(bars[name])])
        details += [f"### {words.capitalize()}", "", *compressed(outcome)]
    if not rows:
        return []
    return [*table(["structure", "% of weights", "JBIG bytes", "index bytes", "fullest kernel over mean", "epochs", "top-1", "change",
                    "wanted"], rows), *details]


def whole(work, name):
    """What `compress --json` left as NAME.json. Of a network that was made in pieces NAME-begun*.json are those before."""
    pieces = [json.loads(path.read_text()) for path in [*sorted(work.glob(f"{name}-begun*.json")), work / f"{name}.json"]]
    outcome = pieces[-1]
    rows = [piece["tables"][1]["rows"] for piece in pieces]
    outcome["tables"][1]["rows"] = rows[0] + [row for later in rows[1:] for row in later[2:]]  # these begin with dense and given
    return outcome


def compressed(outcome):
    """Stages and way of what `compress --json` wrote."""
    lines = [" ".join(outcome["notes"]), ""]
    for part in outcome["tables"][:2]:
        lines += table(part["columns"], part["rows"])
    return lines


def table(columns, rows):
    """Lines, an empty one behind them."""
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns),
            *("| " + " | ".join(map(cell, row)) + " |" for row in rows), ""]
