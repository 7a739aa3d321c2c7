#!/usr/bin/env bash
# Trains the networks that pruning papers use, and compresses each without losing accuracy (0.2 point):
# size and accuracy after every stage, beside the wanted ratio. Needs libtorch and SYNCOPATE_DATA. Kept
# work (WORK, default out/compression) is gone on from, so an interruption loses little.
#
#   experiments/compression/run.sh [NETWORK...]     lenet5 lenet-300-100
#
# ResNet-20, ResNet-56 and VGG-16 have experiments of their own.
. "$(dirname "$0")/../common.sh"
training_work compression
[ $# -gt 0 ] || set -- lenet5 lenet-300-100

for network in "$@"; do
  data=(--data cifar10)
  how=(--step 0.6 --step-epochs 4 --more-epochs 10 --settle-epochs 30 --book-epochs 6)
  case $network in
    lenet5)
      data=(--data mnist --normalize unit)
      how=(--step 0.5 --step-epochs 4 --more-epochs 12 --settle-epochs 12 --book-epochs 6 --rates 0.05,0.025,0.0125) ;;
    lenet-300-100)
      data=(--data mnist --normalize unit)
      how=(--step 0.6 --step-epochs 8 --more-epochs 30 --settle-epochs 40 --book-epochs 10 --rates 0.1,0.05,0.025,0.0125) ;;
  esac
  model=$work/$network.onnx
  [ -f "$model" ] || syncopate --threads "$threads" train "$network" "${data[@]}" -o "$model" --json "$work/$network.train.json"
  syncopate --threads "$threads" compress "$model" "${data[@]}" "${how[@]}" --method magnitude --budget 0.2 \
    --conv-bits 5 --fc-bits 4 --learning-rate 0.05 --weight-decay 0.00005 -o "$work/$network.sync" \
    --work "$work/$network.work" --json "$work/$network.json" --report "$work/$network.html"
done
describe_machine > "$work/machine.txt"
python3 experiments/compression/table.py "$work" "$@"
