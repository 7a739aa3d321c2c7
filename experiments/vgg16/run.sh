#!/usr/bin/env bash
# VGG-16 on CIFAR-10, trained from scratch in 15 epochs; learns from the public ResNet-56 of SYNCOPATE_DATA, too.
# Kept with its weights clustered as dense.sync, which other experiments can go on from.
# Needs libtorch. An hour and a half of two cores; kept work (WORK, default out/vgg16) is gone on from. Writes
# experiments/vgg16/results.md.
. "$(dirname "$0")/../common.sh"
training_work vgg16
[ -f "$work/dense.onnx" ] ||
  syncopate --threads "$threads" train vgg16-cifar --data cifar10 --epochs 15 --rate 0.1 --warmup 1 --test-every 2 --start identity \
    --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once -o "$work/dense.onnx" --json "$work/dense.json"
syncopate compress "$work/dense.onnx" --codebook 6 --rate 0.005 -o experiments/vgg16/dense.sync
# No epochs: scores it in float alone.
syncopate train experiments/vgg16/dense.sync --data cifar10 --limit 128 --epochs 0 -o "$work/kept.onnx" --json "$work/kept.json"
cp "$work/dense.json" experiments/vgg16/
describe_machine > "$work/machine.txt"
python3 experiments/vgg16/table.py "$work"
