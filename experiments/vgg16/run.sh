#!/usr/bin/env bash
# VGG-16 on CIFAR-10. `dense`: trained from scratch, kept with its weights clustered as dense.sync. `coarse` (16 outputs share an
# index; kept as coarse.sync, clustered, too), `magnitude` and `balanced` (2 of 9 in every kernel) are that network pruned to a fifth;
# `small` goes on from the first of these and is compressed further than 150x, then, from the same weights, with finer codebooks.
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
      from=$work/coarse.onnx
      [ -f "$from" ] || from=$here/coarse.sync
      shrink small-begun "$from" small-begun.onnx 0.015 --original $here/dense.sync --method coarse --more-epochs 2 --density 0.075 --step 0.37 \
        --settle-epochs 0
      shrink small "$work/small-begun.onnx" small.sync 0.015 --original $here/dense.sync --method coarse --more-epochs 2 --density 0.075 \
        --settle-epochs 9 --book-epochs 2 --conv-bits 4 --fc-bits 4 --rates 0.05
      shrink finer "$work/small.work/books-0-0.05-zeros.onnx" finer.sync 0.015 --original $here/dense.sync --method coarse --more-epochs 0 \
        --density 0.0393 --settle-epochs 0 --book-epochs 1 --conv-bits 5 --fc-bits 5 --rates 0.01 ;;
  esac
done
describe_machine > "$work/machine.txt"
python3 $here/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work"
