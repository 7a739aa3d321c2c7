#!/usr/bin/env python3
"""The tables of trained.sh. Usage: trained.py PROGRAM WORK NETWORK..."""
import json
import pathlib
import sys

import tables

PROGRAM, WORK, NETWORKS = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
PUBLISHED = 20.13  # Mean of seven networks [paper].


def accuracy(network, method):
    """Top-1 in percent: dense, pruned."""
    stages = json.loads((WORK / f"{network}.{method}.json").read_text())["tables"][0]["rows"]
    return stages[0][3], stages[1][3]


def main():
    print("Pruned step by step with tuning in between, as far as 0.2 point of top-1 allows: weight by weight (fine) and in "
          "blocks, windows of 16 outputs in convolutions and 16x16 in matrices.\n")
    print("| network | dense | fine | kept | blocks | kept | fine JBIG | blocks JBIG | R JBIG | fine index | blocks index | R index |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|---|")
    totals = []
    for network in NETWORKS:
        fine, coarse = (f"{WORK}/{network}.{method}.onnx" for method in ("magnitude", "coarse"))
        *layers, total = tables.dicts(tables.tables(coarse, "--against", fine)[0])
        totals.append(total)
        dense, fine_top1 = accuracy(network, "magnitude")
        print(f"| {network} | {dense:.2f} % | {fine_top1:.2f} % | {total['kept there']:.1f} % | {accuracy(network, 'coarse')[1]:.2f} % | "
              f"{total['kept']:.1f} % | {total['JBIG there']:,.0f} | {total['JBIG']:,.0f} | {total['R JBIG']:.2f} | "
              f"{total['index there']:,.0f} | {total['index']:,.0f} | {total['R index']:.2f} |")
    print(f"| **mean of {len(totals)}** | | | | | | | | **{tables.average([t['R JBIG'] for t in totals]):.2f}** | | | "
          f"**{tables.average([t['R index'] for t in totals]):.2f}** |\n")
    print(f"Published: {PUBLISHED}x, the mean of seven networks.")


main()
