#!/usr/bin/env bash
# Balanced training (Sense): ResNet-20 on CIFAR-10 with as many weights in every kernel of a layer. First one
# half everywhere (4 of 9, as preset v1 has it), then, going on from there, each layer as low as the budget
# allows (v2). `magnitude` is the same number of weights wherever they are largest: with it, `syncopate
# reproduce sense --networks` shows what balance brings to trained networks. Needs libtorch and SYNCOPATE_DATA. Work is
# kept (WORK, default out/balanced) and gone on from. About two hours of one core. Writes
# experiments/balanced/results.md.
#
#   experiments/balanced/run.sh [half] [layers] [magnitude]
. "$(dirname "$0")/../common.sh"
training_work balanced
[ $# -gt 0 ] || set -- half layers magnitude
dense=$SYNCOPATE_DATA/models/cifar10/resnet20_cifar10.onnx
even=(--method balanced --q-rounding down)
recipe=(--data cifar10 --weight-decay 0.0001)

train() {  # train NAME EPOCHS RATE PRUNING...: prunes the dense network at once, then tunes what is left
  local name=$1 epochs=$2 rate=$3
  shift 3
  [ -f "$work/$name.onnx" ] && return
  syncopate prune "$dense" -o "$work/${name}_untrained.onnx" "$@"
  syncopate --threads "$threads" train "$work/${name}_untrained.onnx" "${recipe[@]}" --keep-zeros --epochs "$epochs" --rate "$rate" \
    --teacher "$dense" -o "$work/$name.onnx" --json "$work/$name.json"
}

for what in "$@"; do
  case $what in
    half) train half 16 0.02 --density 0.5 "${even[@]}" ;;
    magnitude) train magnitude 3 0.01 --density 0.4446 --method magnitude ;;
    layers)  # one half has cost 0.1 point of the 0.5 at most
      syncopate --threads "$threads" compress "$work/half.onnx" "${recipe[@]}" "${even[@]}" --budget 0.4 --step 0.8 --step-epochs 3 \
        --more-epochs 4 --settle-epochs 6 --learning-rate 0.02 -o "$work/layers.onnx" --work "$work/layers.work" \
        --json "$work/layers.json" --report "$work/layers.html" ;;
  esac
done
# Under these names `syncopate reproduce sense --networks` takes them for a pair.
[ -f "$work/half.onnx" ] && ln -sf half.onnx "$work/resnet20.balanced.onnx"
[ -f "$work/magnitude.onnx" ] && ln -sf magnitude.onnx "$work/resnet20.magnitude.onnx"
describe_machine > "$work/machine.txt"
python3 experiments/balanced/table.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work" "$dense"
