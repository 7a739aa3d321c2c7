#!/usr/bin/env bash
# ResNet-20 on CIFAR-10. `dense`: trained from scratch, kept as dense.sync. The others go on from that file and learn from the
# public ResNet-56 of SYNCOPATE_DATA, too: `coarse` (16 outputs share an index; kept as coarse.sync) and `balanced` (2 of 9 in
# every kernel) are pruned to a fifth, `small` is compressed 25x, as single weights.
# Needs libtorch and SYNCOPATE_DATA. Work is kept (WORK, default out/resnet20) and gone on from. Each takes 60 to 180 epochs: five
# minutes of a GPU, which they may share, or hours of a processor. Writes experiments/resnet20/results.md.
#
#   experiments/resnet20/run.sh [dense] [coarse] [balanced] [small]
. "$(dirname "$0")/../common.sh"
training_work resnet20
[ $# -gt 0 ] || set -- dense coarse balanced small
here=experiments/resnet20

shrink() {  # shrink NAME OUTPUT OPTION...
  local name=$1 output=$2
  shift 2
  syncopate --threads "$threads" compress "$here/dense.sync" --data cifar10 --budget 0.2 --batch 512 --learning-rate 0.1 --weight-decay 0.0002 \
    --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once \
    -o "$work/$output" --work "$work/$name.work" --json "$work/$name.json" --report "$work/$name.html" "$@"
}

for what in "$@"; do
  case $what in
    dense)
      [ -f "$work/dense.onnx" ] || syncopate --threads "$threads" train resnet20 --data cifar10 --epochs 60 -o "$work/dense.onnx" --json "$work/dense.json"
      syncopate compress "$work/dense.onnx" -o $here/dense.sync
      cp "$work/dense.json" $here/ ;;
    coarse)
      shrink coarse coarse.onnx --method coarse --more-epochs 0 --density 0.2 --step 0.67 --step-epochs 10 --settle-epochs 140
      syncopate compress "$work/coarse.onnx" -o $here/coarse.sync ;;
    balanced)
      shrink balanced balanced.onnx --method balanced --q-rounding down --more-epochs 0 --density 0.23 --step 0.67 --step-epochs 10 --settle-epochs 140 ;;
    small)
      shrink small small.sync --method magnitude --more-epochs 25 --density 0.2 --step 0.585 --step-epochs 5 --settle-epochs 60 --book-epochs 15 \
        --conv-bits 4 --rates 0.025 ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
