#!/usr/bin/env bash
# Clocked against counting engine on every tile of every layer of real networks with real weights and
# pictures, on every machine: outputs, cycles and every count. Writes experiments/engines/results.md.
# Needs SYNCOPATE_DATA; about a minute on two cores once built.
. "$(dirname "$0")/../common.sh"
need_data
build_release
models=$SYNCOPATE_DATA/models
pictures=$SYNCOPATE_DATA/images/cc_256
machines=$(syncopate list --names | paste -sd,)
out=experiments/engines/results.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

replay() {  # replay MODEL INPUT PRESET
  syncopate run "$models/$1" --on "$machines" --input "$2" --normalize "$3" --check full --json "$work/run.json" > /dev/null
  python3 - "$work/run.json" "$(basename "$1" .onnx)" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
for machine in run["machines"]:
    checked, tiles = machine["total"]["checked"], machine["total"]["tiles"]
    assert checked["tiles"] == tiles, "not every tile was clocked"
    print(f"| {sys.argv[2]} | {machine['machine']['name']} | {len(machine['layers'])} | {tiles:,} | "
          f"{checked['outputs']:,} | 0 | {machine['host_seconds']['check']:.2f} |")
PY
}

{
  echo "# Clocked against counting engine on real networks"
  echo
  echo "Made by \`experiments/engines/run.sh\`: \`run --check full\`, so every tile of every layer is clocked; a difference in any count or result stops the run with an error. $(describe_machine)"
  echo
  echo "| network | machine | layers | tiles clocked | outputs compared | differences | clocked engine, s |"
  echo "|---|---|---|---|---|---|---|"
  replay cifar10/resnet20_cifar10.onnx "$pictures/bird.png" imagenet
  replay imagenet/squeezenet_v1.0_deep_compression.onnx "$pictures/bird.png" caffe
  replay layers/alexnet_conv_pruned_0.5626_l1.onnx "$pictures/bird.png" caffe
} | tee "$work/results.md"
mv "$work/results.md" "$out"
