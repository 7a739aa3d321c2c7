#!/usr/bin/env bash
# VGG-16 on CIFAR-10. `dense`: trained from scratch, kept with its weights clustered as dense.sync. `coarse` (16 outputs share an
# index), `magnitude` and `balanced` (2 of 9 in every kernel) are that network pruned to a fifth, `small` is the first of these pruned
# further and compressed 150x; all learn from the public ResNet-56 of SYNCOPATE_DATA, too.
# Needs libtorch and SYNCOPATE_DATA. An epoch takes 2.3 s of a GPU, 3 to 4 minutes of a core with AMX, 4 to 8 minutes of one with AVX-512 or of
# two with AVX2; on a GPU several may run side by side. EPOCHS (default 5) is how long they are tuned after the last step. Work is kept
# (WORK, default out/vgg16) and gone on from. Writes experiments/vgg16/results.md.
#
#   experiments/vgg16/run.sh [dense] [coarse] [magnitude] [balanced] [small]
. "$(dirname "$0")/../common.sh"
training_work vgg16
[ $# -gt 0 ] || set -- dense coarse magnitude balanced small
here=experiments/vgg16
settle=${EPOCHS:-5}

shrink() {  # shrink NAME MODEL OUTPUT OPTION...
  local name=$1 model=$2 output=$3
  shift 3
  syncopate --threads "$threads" compress "$model" --data cifar10 --budget 0.2 --more-epochs 0 --step-epochs 1 --learning-rate 0.005 \
    --weight-decay 0.0005 --scan-pictures 300 --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once \
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
    coarse) shrink coarse $here/dense.sync coarse.onnx --method coarse --density 0.2 --step 0.447 --settle-epochs "$settle" ;;
    magnitude) shrink magnitude $here/dense.sync magnitude.onnx --method magnitude --density 0.222 --step 0.471 --settle-epochs "$settle" ;;
    balanced) shrink balanced $here/dense.sync balanced.onnx --method balanced --q-rounding down --density 0.23 --step 0.47 --settle-epochs "$settle" ;;
    small)
      shrink small "$work/coarse.onnx" small.sync --original $here/dense.sync --method coarse --density 0.05 --step 0.5 \
        --settle-epochs "$settle" --book-epochs 4 --conv-bits 4 --rates 0.03 ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
