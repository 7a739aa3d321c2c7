#!/usr/bin/env bash
# Balanced training (Sense): ResNet-20 on CIFAR-10 with as many weights in every kernel of a layer, first at
# one half everywhere (4 of 9, preset v1), then each layer as low as a budget of accuracy allows (v2). Needs
# libtorch and SYNCOPATE_DATA. Work is kept (WORK, default out/balanced), so an interruption loses little.
#
#   experiments/balanced/run.sh [half] [layers]
. "$(dirname "$0")/../common.sh"
need_data
build_release syncopate syncopate-train
work=${WORK:-out/balanced}
mkdir -p "$work"
[ $# -gt 0 ] || set -- half layers
threads=${THREADS:-1}  # on a machine that others use too, one is fastest
dense=${DENSE:-$SYNCOPATE_DATA/models/cifar10/resnet20_cifar10.onnx}
even=(--method balanced --q-rounding down)
recipe=(--data cifar10 --weight-decay 0.0001)

for what in "$@"; do
  case $what in
    half)
      syncopate prune "$dense" -o "$work/half_untrained.onnx" --density 0.5 "${even[@]}"
      [ -f "$work/half.onnx" ] || syncopate --threads "$threads" train "$work/half_untrained.onnx" "${recipe[@]}" \
        --keep-zeros --epochs "${EPOCHS:-16}" --rate 0.02 --teacher "$dense" -o "$work/half.onnx" --json "$work/half.json" ;;
    layers)
      syncopate --threads "$threads" compress "$dense" "${recipe[@]}" "${even[@]}" --budget 0.5 --step 0.7 --step-epochs 4 \
        --more-epochs 8 --settle-epochs 12 --learning-rate 0.02 -o "$work/layers.onnx" --work "$work/layers.work" \
        --json "$work/layers.json" --report "$work/layers.html" ;;
  esac
done
describe_machine > "$work/machine.txt"
