#!/usr/bin/env bash
# VGG-16 on CIFAR-10. `dense`: trained from scratch, kept with its weights clustered as dense.sync. The others go on from that
# file and learn from the public ResNet-56 of SYNCOPATE_DATA, too: `coarse` (16 outputs share an index), `magnitude` and
# `balanced` (2 of 9 in every kernel) are pruned to a fifth, `small` is compressed 150x, in blocks. STEP_EPOCHS (default 3) is how
# long they are tuned after a step, EPOCHS (default 30) at the end.
# Needs libtorch and SYNCOPATE_DATA. An epoch takes 2.3 s of a GPU, 5 to 8 minutes of two cores; on a GPU several may run side by
# side. Work is kept (WORK, default out/vgg16) and gone on from. Writes experiments/vgg16/results.md.
#
#   experiments/vgg16/run.sh [dense] [coarse] [magnitude] [balanced] [small]
. "$(dirname "$0")/../common.sh"
training_work vgg16
[ $# -gt 0 ] || set -- dense coarse magnitude balanced small
here=experiments/vgg16

shrink() {  # shrink NAME OUTPUT OPTION...
  local name=$1 output=$2
  shift 2
  syncopate --threads "$threads" compress "$here/dense.sync" --data cifar10 --budget 0.2 --more-epochs 0 --step-epochs "${STEP_EPOCHS:-3}" \
    --settle-epochs "${EPOCHS:-30}" --learning-rate 0.03 --weight-decay 0.0005 --scan-pictures 500 \
    --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once \
    -o "$work/$output" --work "$work/$name.work" --json "$work/$name.json" "$@"
}

for what in "$@"; do
  case $what in
    dense)
      [ -f "$work/dense.onnx" ] ||
        syncopate --threads "$threads" train vgg16-cifar --data cifar10 --epochs 90 --rate 0.1 --warmup 2 --test-every 5 --start identity \
          -o "$work/dense.onnx" --json "$work/dense.json"
      syncopate compress "$work/dense.onnx" --codebook 7 --rate 0.003 -o $here/dense.sync
      # No epochs: scores it in float alone.
      syncopate train $here/dense.sync --data cifar10 --limit 128 --epochs 0 -o "$work/kept.onnx" --json $here/kept.json
      cp "$work/dense.json" $here/ ;;
    coarse) shrink coarse coarse.onnx --method coarse --density 0.2 --step 0.447 ;;
    magnitude) shrink magnitude magnitude.onnx --method magnitude --density 0.222 --step 0.471 ;;
    balanced) shrink balanced balanced.onnx --method balanced --q-rounding down --density 0.23 --step 0.47 ;;
    small) shrink small small.sync --method coarse --density 0.05 --step 0.473 --book-epochs 5 --conv-bits 4 --rates 0.05 ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
