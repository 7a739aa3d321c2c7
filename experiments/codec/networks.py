#!/usr/bin/env python3
"""Quantizes the layers of ONNX networks in several ways, for the codec to be measured on.

Usage: networks.py OUT NAME=MODEL.onnx...; writes OUT/NAME.shapes and OUT/NAME.KIND.i32: int4 and int8
(symmetric, one scale per tensor, round half to even), unstr80 and unstr90 (the smallest weights zeroed
first), blk16_80 (blocks of 16 outputs at one kernel position, 80 % of those with the smallest mean
magnitude zeroed) and blk8_70 at 6 bits. Needs the Python packages onnx and numpy.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def quantize(weights, bits):
    top = 2 ** (bits - 1) - 1
    scale = np.abs(weights).max() / top
    return np.rint(weights / scale).astype("<i4") if scale > 0 else np.zeros(weights.shape, "<i4")


def unstructured(weights, fraction):
    weights = weights.copy()
    order = np.argsort(np.abs(weights).ravel(), kind="stable")
    weights.ravel()[order[: int(round(weights.size * fraction))]] = 0
    return weights


def blocks(weights, fraction, size):
    rows = weights.reshape(weights.shape[0], -1).copy()
    count = -(-rows.shape[0] // size)
    scores = np.stack([np.abs(rows[i * size:(i + 1) * size]).mean(0) for i in range(count)])
    dead = np.zeros(scores.size, bool)
    dead[np.argsort(scores.ravel(), kind="stable")[: int(round(scores.size * fraction))]] = True
    for i, line in enumerate(dead.reshape(scores.shape)):
        rows[i * size:(i + 1) * size][:, line] = 0
    return rows.reshape(weights.shape)


KINDS = {
    "int4": lambda w: quantize(w, 4),
    "int8": lambda w: quantize(w, 8),
    "unstr80+int4": lambda w: quantize(unstructured(w, 0.8), 4),
    "unstr90+int5": lambda w: quantize(unstructured(w, 0.9), 5),
    "blk16_80+int4": lambda w: quantize(blocks(w, 0.8, 16), 4),
    "blk8_70+int6": lambda w: quantize(blocks(w, 0.7, 8), 6),
}


def layers(path):
    graph = onnx.load(path).graph
    users = {n.input[1]: n for n in graph.node if n.op_type in ("Conv", "Gemm", "MatMul")}
    for tensor in graph.initializer:
        if tensor.name not in users:
            continue
        weights = numpy_helper.to_array(tensor).astype(np.float32)
        node = users[tensor.name]
        outputs_first = node.op_type == "Conv" or any(a.name == "transB" and a.i for a in node.attribute)
        if not outputs_first:
            weights = weights.T.copy()
        yield weights


def main():
    out = sys.argv[1]
    for argument in sys.argv[2:]:
        name, path = argument.split("=", 1)
        tensors = list(layers(path))
        with open(f"{out}/{name}.shapes", "w") as file:
            file.writelines(" ".join(map(str, w.shape)) + "\n" for w in tensors)
        for kind, function in KINDS.items():
            with open(f"{out}/{name}.{kind}.i32", "wb") as file:
                for weights in tensors:
                    file.write(function(weights).tobytes())


if __name__ == "__main__":
    main()
