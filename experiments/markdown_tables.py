"""Tables of the experiments' results.md."""
import json
import subprocess


def read(program, *words):
    """What a command prints as JSON."""
    return json.loads(subprocess.run([program, *map(str, words)], check=True, capture_output=True, text=True).stdout)


def cell(value):
    return value if isinstance(value, str) else f"{value:,.0f}" if value == int(value) else f"{value:.2f}"


def table(columns, rows):
    """Lines, an empty one behind them."""
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns),
            *("| " + " | ".join(map(cell, row)) + " |" for row in rows), ""]
