#!/usr/bin/env python3
"""The tables of run.sh. Usage: tables.py PROGRAM [DATA]"""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, DATA = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# The experiment of the notes on the paper: KiB of fine masks, ratio of JBIG sizes.
NOTES = {"conv1": (2.9, 7.4), "conv2": (36.7, 8.7), "conv3": (101.7, 8.7), "conv4": (77.9, 8.8), "conv5": (52.1, 8.8),
         "fc6": (2011.5, 224), "fc7": (893.7, 217), "fc8": (406.6, 65)}
CIFAR = ["resnet20_cifar10", "resnet56_cifar10", "resnet8_large_cifar10", "cifar10_quick_caffe"]
REAL = ([f"models/cifar10/{name}.onnx" for name in CIFAR] +
        ["models/mnist/lenet5_mnist.onnx", "models/imagenet/squeezenet_v1.1.onnx", "models/imagenet/mobilenet_v1_1.00_224.onnx"])
PRUNED = (["models/imagenet/squeezenet_v1.0_deep_compression.onnx"] +
          [f"models/layers/alexnet_conv_pruned_{name}.onnx" for name in ("0.5376_l2", "0.5562_l1", "0.5626_l1")])


def call(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout


def published(network):
    """Weight densities by layer of data/densities/han2015.yaml."""
    densities, inside = {}, False
    for line in (ROOT / "data/densities/han2015.yaml").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            inside = line.startswith(f"{network}:")
        elif inside and "weights:" in line:
            densities[line.split(":")[0].strip()] = line.split("weights:")[1].split(",")[0].strip(" }")
    return densities


def options(densities):
    if not isinstance(densities, dict):
        return ["--density", str(densities)]
    return [word for layer, density in densities.items() for word in ("--layer", f"{layer}={density}")]


def prune(model, out, densities, *how):
    call("prune", model, "-o", out, *options(densities), *how)
    return out


def tables(model, *how):
    return json.loads(call("inspect", model, "--sparsity", "--json", *how))["tables"]


def dicts(table):
    return [dict(zip(table["columns"], row)) for row in table["rows"]]


def average(values):
    known = [v for v in values if isinstance(v, (int, float)) and not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


class Compared:
    """One network pruned weight by weight and in blocks to equal densities, layer by layer."""

    def __init__(self, folder, model, densities):
        fine = prune(model, f"{folder}/fine.onnx", densities, "--method", "magnitude")
        coarse = prune(model, f"{folder}/coarse.onnx", densities)
        *self.layers, self.total = dicts(tables(coarse, "--against", fine)[0])
        self.typical = dicts(tables(coarse, "--against", fine, "--typical-prediction")[0])[-1]

    def row(self, name):
        t = self.total
        return (f"| {name} | {t['kept there']:.1f} % | {t['JBIG there']:,.0f} | {t['JBIG']:,.0f} | {t['R JBIG']:.2f} | "
                f"{self.typical['R JBIG']:.2f} | {average([r['R JBIG'] for r in self.layers]):.2f} | "
                f"{t['index there']:,.0f} | {t['index']:,.0f} | {t['R index']:.2f} |")


HEADER = ("| network | density | fine JBIG | blocks JBIG | R JBIG | with typical prediction | mean of layers | fine index | "
          "blocks index | R index |\n|---|---|---|---|---|---|---|---|---|---|")


def mean_row(compared):
    return (f"| **mean of {len(compared)}** | | | | **{average([c.total['R JBIG'] for c in compared]):.2f}** | "
            f"{average([c.typical['R JBIG'] for c in compared]):.2f} | | | | "
            f"**{average([c.total['R index'] for c in compared]):.2f}** |")


def random_masks(folder):
    print("## Random masks at published densities\n\nMade-up weights, so masks are noise: what the structure alone gives.\n")
    compared = {}
    for network in ("alexnet", "vgg16", "lenet5", "lenet-300-100"):
        compared[network] = Compared(folder, f"zoo:{network}", published(network))
    print("AlexNet, JBIG, beside the notes' experiment with an ideal adaptive coder of the same ten pixels:\n\n"
          "| layer | fine KiB | notes | R | notes |\n|---|---|---|---|---|")
    for layer in compared["alexnet"].layers:
        kib, ratio = NOTES[layer["layer"]]
        print(f"| {layer['layer']} | {layer['JBIG there'] / 1024:.1f} | {kib} | {layer['R JBIG']:.1f} | {ratio} |")
    print(f"\n{HEADER}")
    for network, result in compared.items():
        print(result.row(network))
    print(mean_row(list(compared.values())) + "\n")
    total = compared["alexnet"].total
    print(f"Published for AlexNet: 2.95 MiB to 29.38 KiB, 102.82x; here the stored index goes from {total['index there'] / 2**20:.2f} MiB "
          f"to {total['index'] / 2**10:.2f} KiB, JBIG from {total['JBIG there'] / 2**20:.2f} MiB to {total['JBIG'] / 2**10:.2f} KiB. "
          "Published mean over seven networks: 20.13x.\n")


def real_masks(folder):
    for density in (0.2, 0.1):
        print(f"## Real weights, one shot, every layer at {density:g}\n\n{HEADER}")
        compared = []
        for path in REAL:
            compared.append(Compared(folder, f"{DATA}/{path}", density))
            print(compared[-1].row(pathlib.Path(path).stem))
        print(mean_row(compared) + "\n")
    print("MobileNet's weights were 8-bit integers: some are zero, and each in a block that stays costs the block index a word.\n")


def entropy_bytes(layer):
    """What noise of the layer's density takes at least."""
    rows, columns = map(int, layer["picture"].split(" x "))
    p = layer["kept"] / 100
    return 0 if p in (0, 1) else -rows * columns * (p * math.log2(p) + (1 - p) * math.log2(1 - p)) / 8


def trained_masks():
    print("## Fine-grained masks that others trained\n\nTheir JBIG bytes over the entropy of noise of the same density in each "
          "layer: less than 1 says that trained masks have structure.\nBlocks: one bit per 1x16x1x1, which no density changes.\n\n"
          "| network | density | JBIG | entropy of noise | JBIG over it | index | blocks | R index |\n|---|---|---|---|---|---|---|---|")
    for path in PRUNED:
        *layers, total = dicts(tables(f"{DATA}/{path}")[0])
        bound = sum(map(entropy_bytes, layers))
        blocks = 0
        for layer in layers:
            rows, columns = map(int, layer["picture"].split(" x "))
            blocks += rows * math.ceil(columns / 16) / 8
        print(f"| {pathlib.Path(path).stem} | {total['kept']:.1f} % | {total['JBIG']:,.0f} | {bound:,.0f} | {total['JBIG'] / bound:.2f} | "
              f"{total['index']:,.0f} | {blocks:,.0f} | {total['index'] / blocks:.2f} |")
    print()


def convergence():
    print("## Local convergence\n\nShare of 4 x 4 windows (positions by outputs) with at least four of the layer's largest "
          "10 % of weights, over all layers.\nFor made-up weights the same.\n\n"
          "| network | as trained | in random order | ratio |\n|---|---|---|---|")
    for model in [f"{DATA}/{path}" for path in REAL] + ["zoo:resnet20"]:
        row = dicts(tables(model)[2])[-1]
        name = pathlib.Path(model).stem if DATA and model.startswith(DATA) else model
        print(f"| {name} | {row['as it is']:.2f} % | {row['in random order']:.2f} % | {row['over random']:.2f} |")
    print()


def imbalance(folder):
    print("## Imbalance at density 1/2\n\nMean over layers. Fullest kernel over the mean kernel; what 32 consecutive outputs in "
          "lock step take over what their weights are.\n\n| network | structure | kept | fullest kernel | 32 lanes |\n"
          "|---|---|---|---|---|")
    structures = {"single weights": ["--method", "magnitude"], "blocks of 16 outputs": [], "2:4": ["--method", "2:4"],
                  "balanced, 5/4 of 9": ["--method", "balanced"],
                  "balanced, 4 of 9": ["--method", "balanced", "--q-rounding", "down"]}
    for name in CIFAR[:2]:
        for structure, how in structures.items():
            out = f"{folder}/structure.onnx"
            call("prune", f"{DATA}/models/cifar10/{name}.onnx", "-o", out, *([] if "2:4" in how else ["-d", "0.5"]), *how)
            irregular, uneven = (dicts(table) for table in tables(out)[:2])
            print(f"| {name} | {structure} | {irregular[-1]['kept']:.1f} % | "
                  f"{average([r['fullest kernel'] for r in uneven]):.2f} | {average([r['32 lanes'] for r in uneven]):.3f} |")
    print()


def main():
    with tempfile.TemporaryDirectory() as folder:
        random_masks(folder)
        if not os.path.isdir(f"{DATA}/models"):
            print("Real networks were left out: SYNCOPATE_DATA is not set.")
            return
        real_masks(folder)
        trained_masks()
        convergence()
        imbalance(folder)


if __name__ == "__main__":
    main()
