#!/usr/bin/env bash
# VGG-16 on CIFAR-10, trained from scratch in 15 epochs; learns from the public ResNet-56 of SYNCOPATE_DATA, too.
# Needs libtorch. Two hours of one core; kept work (WORK, default out/vgg16) is gone on from. Writes
# experiments/vgg16/results.md.
. "$(dirname "$0")/../common.sh"
training_work vgg16
[ -f "$work/dense.onnx" ] ||
  syncopate --threads "$threads" train vgg16-cifar --data cifar10 --epochs 15 --rate 0.08 --warmup 1 --test-every 2 \
    --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once -o "$work/dense.onnx" --json "$work/dense.json"
describe_machine > "$work/machine.txt"
python3 experiments/vgg16/table.py "$work"
