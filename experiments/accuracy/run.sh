#!/usr/bin/env bash
# Top-1 of real networks in float and in fixed point (16 and 8 bits) on real pictures. Writes
# experiments/accuracy/results.md. Needs SYNCOPATE_DATA; about fifteen minutes on two cores.
. "$(dirname "$0")/../common.sh"
need_data
build_release
models=$SYNCOPATE_DATA/models
out=experiments/accuracy/results.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

score() {  # score MODEL DATA OPTION...
  local model=$1 data=$2
  shift 2
  for bits in 16 8; do
    syncopate eval "$models/$model" --data "$data" --bits "$bits" "$@" --json "$work/row.json" > /dev/null
    python3 - "$work/row.json" "$(basename "$model" .onnx)" "$bits" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
n = r["pictures"]
p = lambda key: 100.0 * r[key] / n
print(f"| {sys.argv[2]} | {r['data']} | {n} | {sys.argv[3]} | {p('float_top1'):.2f} | {p('fixed_top1'):.2f} "
      f"| {p('fixed_top1') - p('float_top1'):+.2f} | {p('agree'):.2f} | {r['snr_db']:.1f} |")
PY
  done
}

{
  echo "# Fixed point against float on real networks and pictures"
  echo
  echo "Made by \`experiments/accuracy/run.sh\`. Scales come from the first 32 pictures. $(describe_machine)"
  echo
  echo "| network | data | pictures | bits | float top-1 % | fixed top-1 % | difference, points | same answer % | logits SNR dB |"
  echo "|---|---|---|---|---|---|---|---|---|"
  score cifar10/resnet20_cifar10.onnx cifar10 --normalize imagenet
  score cifar10/resnet56_cifar10.onnx cifar10 --normalize imagenet --limit 2000
  score cifar10/resnet20b_channel_regularized_cifar10.onnx cifar10 --normalize signed
  score cifar10/resnet8_cifar10_mlperftiny.onnx cifar10 --normalize raw
  score cifar10/resnet8_cifar10_mlperftiny_int8_qdq.onnx cifar10 --normalize raw
  score mnist/lenet5_mnist.onnx mnist --normalize unit
  score imagenet/squeezenet_v1.0_deep_compression.onnx "$SYNCOPATE_DATA/images/imagenet1000_256" --normalize caffe --limit 500
  score imagenet/mobilenet_v2_1.00_224_ptq.onnx "$SYNCOPATE_DATA/images/imagenet1000_256" --normalize signed --label-offset 1 --limit 500
} | tee "$work/results.md"
mv "$work/results.md" "$out"
