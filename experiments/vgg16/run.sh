#!/usr/bin/env bash
# VGG-16 on CIFAR-10. `dense`: trained from scratch, kept with its weights clustered as dense.sync. `coarse` (16 outputs share an
# index; kept as coarse.sync, clustered, too), `magnitude` and `balanced` (2 of 9 in every kernel) are that network pruned to a fifth;
# `small` goes on from the first of these, without further windows: a codebook's rate leaves 8 % of the weights (kept as fine.sync, clustered),
# another 4 %, and these are compressed 150x (small.sync).
# All learn from the public ResNet-56 of SYNCOPATE_DATA, too.
# Needs libtorch and SYNCOPATE_DATA. An epoch takes 2.3 s of a GPU, 3 to 4 minutes of a core with AMX, 4 to 8 minutes of one with AVX-512 or of
# two with AVX2; on a GPU several may run side by side. Work is kept (WORK, default out/vgg16) and gone on from. Writes
# experiments/vgg16/results.md.
#
#   experiments/vgg16/run.sh [dense] [coarse] [magnitude] [balanced] [small]
. "$(dirname "$0")/../common.sh"
training_work vgg16
[ $# -gt 0 ] || set -- dense coarse magnitude balanced small
here=experiments/vgg16

shrink() {  # shrink NAME MODEL OUTPUT RATE OPTION...
  local name=$1 model=$2 output=$3 rate=$4
  shift 4
  syncopate --threads "$threads" compress "$model" --data cifar10 --budget 0.2 --step-epochs 1 --learning-rate "$rate" \
    --weight-decay 0.0005 --scan-pictures 300 --teacher "$SYNCOPATE_DATA/models/cifar10/resnet56_cifar10.onnx" --teacher-sees once \
    -o "$work/$output" --work "$work/$name.work" --json "$work/$name.json" "$@"
}

score() {  # score NAME: in float alone, as no epochs of training do
  syncopate train $here/$1.sync --data cifar10 --limit 128 --epochs 0 -o "$work/kept.onnx" --json $here/$1-kept.json
}

for what in "$@"; do
  case $what in
    dense)
      [ -f "$work/dense.onnx" ] ||
        syncopate --threads "$threads" train vgg16-cifar --data cifar10 --epochs 90 --rate 0.1 --warmup 2 --test-every 5 --start identity \
          -o "$work/dense.onnx" --json "$work/dense.json"
      syncopate compress "$work/dense.onnx" --codebook 7 --rate 0.003 -o $here/dense.sync
      score dense
      cp "$work/dense.json" $here/ ;;
    coarse)
      # At first a rate that does not undo ninety epochs; then one that goes further.
      shrink coarse-begun $here/dense.sync coarse-begun.onnx 0.005 --method coarse --more-epochs 0 --density 0.2 --step 0.447 --settle-epochs 5
      shrink coarse "$work/coarse-begun.onnx" coarse.onnx 0.015 --original $here/dense.sync --method coarse --more-epochs 0 --density 0.2 \
        --settle-epochs 22
      syncopate compress "$work/coarse.onnx" --codebook 7 --rate 0.003 -o $here/coarse.sync
      score coarse ;;
    magnitude) shrink magnitude $here/dense.sync magnitude.onnx 0.005 --method magnitude --more-epochs 0 --density 0.222 --step 0.2 --settle-epochs 2 ;;
    balanced)
      shrink balanced $here/dense.sync balanced.onnx 0.005 --method balanced --q-rounding down --more-epochs 0 --density 0.23 --step 0.2 \
        --settle-epochs 2 ;;
    small)
      # No further windows: rates take the weights.
      further() { shrink "$1" "$2" "$3" 0.02 --original $here/dense.sync --method coarse --settle-epochs 0 --conv-bits 5 --fc-bits 5 "${@:4}"; }
      further small-begun $here/coarse.sync small-begun.onnx --density 0.2 --zero-rates 0.1 --zero-epochs 8
      further small "$work/small-begun.onnx" small.sync --density 0.0797 --zero-rates 0.15 --zero-epochs 21 --more-epochs 0 --rates 0.014 --book-epochs 2
      syncopate compress "$work/small-begun.onnx" --codebook 7 --rate 0.003 -o $here/fine.sync
      score fine
      cp "$work/small.sync" $here/ ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
