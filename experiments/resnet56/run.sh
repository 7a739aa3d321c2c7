#!/usr/bin/env bash
# The public ResNet-56 on CIFAR-10, compressed 30x, as single weights; it learns from itself as it was. Needs libtorch and
# SYNCOPATE_DATA. Work is kept (WORK, default out/resnet56) and gone on from. 74 epochs: five minutes of a GPU, hours of a processor.
# Writes experiments/resnet56/results.md.
. "$(dirname "$0")/../common.sh"
training_work resnet56
network=$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx
syncopate --threads "$threads" compress "$network" --data cifar10 --budget 0.2 --method magnitude --more-epochs 8 --density 0.14 --step 0.52 \
  --step-epochs 3 --settle-epochs 26 --book-epochs 6 --rates 0.025 --conv-bits 4 --batch 512 --learning-rate 0.1 --weight-decay 0.0002 \
  --scan-pictures 500 --teacher "$network" --teacher-sees once -o "$work/small.sync" --work "$work/small.work" --json "$work/small.json"
describe_machine > "$work/machine.txt"
python3 experiments/resnet56/table.py "$work"
