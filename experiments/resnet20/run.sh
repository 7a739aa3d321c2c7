#!/usr/bin/env bash
# ResNet-20 on CIFAR-10. `dense`: trained from scratch, kept as dense.sync. The others go on from the public
# network of SYNCOPATE_DATA and learn from its larger brother, ResNet-56: `magnitude` is compressed as far as
# 25x, `coarse` (16 outputs share an index) and `balanced` (2 of 9 in every kernel) are pruned to a fifth.
# `clustered` compresses `dense` itself, weights clustered again and again while they are trained.
# Needs libtorch and SYNCOPATE_DATA. Work is kept (WORK, default out/resnet20) and gone on from. Half an hour to
# an hour and a half of one core each. Writes experiments/resnet20/results.md.
#
#   experiments/resnet20/run.sh [dense] [magnitude] [coarse] [balanced] [clustered]
. "$(dirname "$0")/../common.sh"
training_work resnet20
[ $# -gt 0 ] || set -- dense magnitude coarse balanced clustered
models=$SYNCOPATE_DATA/models/cifar10
public=$models/resnet20_cifar10.onnx

shrink() {  # shrink NAME OUTPUT MODEL OPTION...
  local name=$1 output=$2 model=$3
  shift 3
  syncopate --threads "$threads" compress "$model" --data cifar10 --budget 0.2 \
    --learning-rate 0.05 --weight-decay 0.0002 --teacher "$models/resnet56_cifar10.onnx" --teacher-sees once \
    -o "$work/$output" --work "$work/$name.work" --json "$work/$name.json" --report "$work/$name.html" "$@"
}

for what in "$@"; do
  case $what in
    dense)
      [ -f "$work/dense.onnx" ] || syncopate --threads "$threads" train resnet20 --data cifar10 --epochs 60 -o "$work/dense.onnx" --json "$work/dense.json"
      syncopate compress "$work/dense.onnx" -o experiments/resnet20/dense.sync
      cp "$work/dense.json" experiments/resnet20/ ;;
    magnitude)
      shrink magnitude magnitude.sync "$public" --more-epochs 0 --method magnitude --step-epochs 4 --density 0.22 --step 0.47 --settle-epochs 26 --book-epochs 8 --conv-bits 4 --rates 0.05,0.025 ;;
    coarse)
      shrink coarse coarse.onnx "$public" --more-epochs 0 --method coarse --density 0.2 --step 0.45 --step-epochs 2 --settle-epochs 12 --scan-pictures 1000 ;;
    balanced)
      shrink balanced balanced.onnx "$public" --more-epochs 0 --method balanced --step-epochs 4 --q-rounding down --density 0.23 --step 0.47 --settle-epochs 22 ;;
    clustered)
      shrink clustered clustered.sync "$work/dense.onnx" --method magnitude --step-epochs 2 --more-epochs 4 --density 0.24 --step 0.47 \
        --settle-epochs 0 --cluster-epochs 56 --book-epochs 5 --conv-bits 4 --rates 0.04 ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 experiments/resnet20/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
