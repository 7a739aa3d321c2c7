#!/usr/bin/env bash
# How regular masks are at equal accuracy: each network is pruned step by step with tuning in between, weight
# by weight and in blocks, both as far as a loss of 0.2 point of top-1 allows. LeNet-5 is the public network of
# SYNCOPATE_DATA, LeNet-300-100 is trained here. Writes experiments/irregularity/trained.md. Needs libtorch,
# python3 and SYNCOPATE_DATA; about half an hour of one core. Kept work (WORK, default out/irregularity) is gone
# on from, so an interruption loses little.
#
#   experiments/irregularity/trained.sh [NETWORK...]     lenet5 lenet-300-100
. "$(dirname "$0")/../common.sh"
training_work irregularity
[ $# -gt 0 ] || set -- lenet5 lenet-300-100

data=(--data mnist --normalize unit)
for network in "$@"; do
  model=$work/$network.onnx
  if [ "$network" = lenet5 ]; then
    model=$SYNCOPATE_DATA/models/mnist/lenet5_mnist.onnx
  elif [ ! -f "$model" ]; then
    syncopate --threads "$threads" train "$network" "${data[@]}" --epochs 20 -o "$model" --json "$work/$network.train.json"
  fi
  for method in magnitude coarse; do
    rate=0.05
    [ "$method" = coarse ] && rate=0.01  # blocks that go leave activations that 0.05 makes diverge
    syncopate --threads "$threads" compress "$model" "${data[@]}" --step 0.6 --step-epochs 2 --more-epochs 8 --settle-epochs 0 \
      --learning-rate "$rate" --weight-decay 0.00005 --method "$method" --budget 0.2 --teacher-sees once \
      -o "$work/$network.$method.onnx" --work "$work/$network.$method.work" --json "$work/$network.$method.json"
  done
done
{
  echo "# How regular masks are at equal accuracy"
  echo
  describe_machine
  echo
  python3 experiments/irregularity/trained.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$work" "$@"
} | tee experiments/irregularity/trained.md.part
mv experiments/irregularity/trained.md.part experiments/irregularity/trained.md
