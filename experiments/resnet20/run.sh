#!/usr/bin/env bash
# ResNet-20 on CIFAR-10. `dense`: trained from scratch, kept as dense.sync. The others go on from that file and learn from the
# public ResNet-56 of SYNCOPATE_DATA, too: `coarse` (16 outputs share an index; kept as coarse.sync) and `balanced` (2 of 9 in
# every kernel) are pruned to a fifth, the former with weights averaged in the end; so is `small`, as single weights (kept as
# fine.sync), then compressed 25x (small.sync). Needs libtorch and SYNCOPATE_DATA. Work is kept (WORK, default out/resnet20) and
# gone on from. Each takes 60 to 224 epochs: five minutes of a GPU, which they may share, or hours of a processor. Writes
# experiments/resnet20/results.md.
#
#   experiments/resnet20/run.sh [dense] [coarse] [balanced] [small]
. "$(dirname "$0")/../common.sh"
training_work resnet20
[ $# -gt 0 ] || set -- dense coarse balanced small
here=experiments/resnet20

shrink() {  # shrink NAME MODEL OUTPUT OPTION...
  local name=$1 model=$2 output=$3
  shift 3
  syncopate --threads "$threads" compress "$model" --data cifar10 --budget 0.2 --batch 512 --learning-rate "${rate:-0.1}" --weight-decay 0.0002 \
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
      shrink coarse-begun $here/dense.sync coarse-begun.onnx --method coarse --more-epochs 0 --density 0.2 --step 0.67 --step-epochs 10 --settle-epochs 140
      rate=0.05 shrink coarse "$work/coarse-begun.onnx" coarse.onnx --original $here/dense.sync --method coarse --more-epochs 0 --density 0.2 \
        --settle-epochs 44 --average 0.5
      syncopate compress "$work/coarse.onnx" -o $here/coarse.sync ;;
    balanced)
      shrink balanced $here/dense.sync balanced.onnx --method balanced --q-rounding down --more-epochs 0 --density 0.23 --step 0.67 --step-epochs 10 --settle-epochs 140 ;;
    small)
      shrink small-begun $here/dense.sync small-begun.onnx --method magnitude --more-epochs 0 --density 0.585 --step 0.585 --step-epochs 28 --settle-epochs 0
      further() { shrink "$@" --original $here/dense.sync --method magnitude --more-epochs 0 --density 0.2; }
      further small-begun2 "$work/small-begun.onnx" small-begun2.onnx --step 0.585 --step-epochs 6 --settle-epochs 66
      rate=0.02 further small-begun3 "$work/small-begun2.onnx" small-begun3.onnx --settle-epochs 0 --zero-rates 0.02 --zero-epochs 12
      rate=0.01 further small "$work/small-begun3.onnx" small.sync --settle-epochs 0 --cluster-epochs 8 --book-epochs 3 --conv-bits 5 --fc-bits 5 \
        --rates 0.016
      syncopate compress "$work/small-begun2.onnx" -o $here/fine.sync
      cp "$work/small.sync" $here/ ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
