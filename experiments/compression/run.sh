#!/usr/bin/env bash
# Trains the networks that pruning papers use, and compresses each without losing accuracy (0.2 point):
# size and accuracy after every stage, beside the wanted ratio. Needs libtorch and SYNCOPATE_DATA. Kept
# work (WORK, default out/compression) is gone on from, so an interruption loses little.
#
#   experiments/compression/run.sh [NETWORK...]     lenet5 lenet-300-100 resnet20 resnet56 vgg16-cifar
. "$(dirname "$0")/../common.sh"
need_data
build_release syncopate syncopate-train
work=${WORK:-out/compression}
mkdir -p "$work"
[ $# -gt 0 ] || set -- lenet5 lenet-300-100

shared=(--method magnitude --budget 0.2 --conv-bits 5 --fc-bits 4)
for network in "$@"; do
  case $network in
    lenet5 | lenet-300-100)
      data=(--data mnist --normalize unit)
      how=(--step 0.6 --step-epochs 2 --more-epochs 6 --settle-epochs 15 --book-epochs 4 --learning-rate 0.02) ;;
    *)
      data=(--data cifar10)
      how=(--step 0.6 --step-epochs 4 --more-epochs 10 --settle-epochs 30 --book-epochs 6 --precision bf16
           --learning-rate 0.05) ;;
  esac
  model=$work/$network.onnx
  [ -f "$model" ] || syncopate train "$network" "${data[@]}" -o "$model" --json "$work/$network.train.json"
  syncopate compress "$model" "${data[@]}" "${shared[@]}" "${how[@]}" -o "$work/$network.sync" \
    --work "$work/$network.work" --json "$work/$network.json" --report "$work/$network.html"
done
describe_machine > "$work/machine.txt"
python3 experiments/compression/table.py "$work" "$@"
