#!/usr/bin/env bash
# The public ResNet-56 on CIFAR-10, compressed 30x, as single weights: pruned in one training of 84 epochs (kept as fine.sync), then
# in codebooks (kept as small.sync). It learns from itself as it was, ResNet-44 and ours of VGG-16. Needs libtorch and
# SYNCOPATE_DATA. Work is kept (WORK, default out/resnet56) and gone on from. Two and a quarter hours of two cores (THREADS=2)
# that multiply bf16, 80 seconds an epoch. Writes experiments/resnet56/results.md.
. "$(dirname "$0")/../common.sh"
training_work resnet56
here=experiments/resnet56
models=$SYNCOPATE_DATA/models/cifar10

shrink() {  # shrink MODEL OUTPUT OPTION...
  local model=$1 name=${2%.*} output=$2
  shift 2
  syncopate --threads "$threads" compress "$model" --data cifar10 --budget 0.2 --method magnitude --density 0.16 --divide lamp --settle-epochs 0 --batch 256 \
    --weight-decay 0.0005 --teacher "$models/resnet56_cifar10.onnx" --teacher "$models/resnet44_cifar10.onnx" \
    --teacher experiments/vgg16/fine.sync --teacher-sees once -o "$work/$output" --work "$work/$name.work" --json "$work/$name.json" "$@"
}

shrink "$models/resnet56_cifar10.onnx" small-begun.onnx --dynamic-epochs 84 --learning-rate 0.12 --average 0.25
syncopate compress "$work/small-begun.onnx" -o $here/fine.sync
shrink "$work/small-begun.onnx" small.sync --original "$models/resnet56_cifar10.onnx" --cluster-epochs 7 --book-epochs 2 --conv-bits 5 --fc-bits 5 \
  --rates 0.016 --learning-rate 0.006
cp "$work/small.sync" $here/
describe_machine > "$work/machine.txt"
python3 $here/table.py "$work"
