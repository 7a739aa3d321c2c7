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


def table(columns, rows):
    """Lines, an empty one behind them."""
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns),
            *("| " + " | ".join(map(cell, row)) + " |" for row in rows), ""]
