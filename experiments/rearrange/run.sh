#!/usr/bin/env bash
# Orders of channels on Sense: as they are, sorted by density, and grouped for the passes of the array, each
# chosen on some pictures and measured on others, every output compared. Writes
# experiments/rearrange/results.md. Needs SYNCOPATE_DATA; about five minutes on two cores once built.
. "$(dirname "$0")/../common.sh"
need_data
build_release syncopate rearrange_bench
bench=${SYNCOPATE_BENCH:-build/release/bench}/rearrange_bench
models=$SYNCOPATE_DATA/models
out=experiments/rearrange/results.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Pictures of different classes; every other one to choose the order on.
mapfile -t pictures < <(ls "$SYNCOPATE_DATA"/images/imagenet1000_256/*.jpg | awk 'NR % 31 == 1')
python3 - "$SYNCOPATE_DATA/cifar10/test_batch.bin" "$work" <<'PY'
import array, struct, sys
data = open(sys.argv[1], "rb").read()
mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
for i in range(32):
    pixels = data[i * 3073 + 1:(i + 1) * 3073]
    values = array.array("f", ((p / 255 - mean[k // 1024]) / deviation[k // 1024] for k, p in enumerate(pixels)))
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 32, 32), }"
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with open(f"{sys.argv[2]}/{i:02}.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values.tobytes())
PY

measure() {  # measure TITLE MODEL NORMALIZATION PICTURES SETTINGS FILE...: half of the pictures to choose on
  local title=$1 model=$2 preset=$3 count=$4 settings=$5
  shift 5
  local chosen=() others=() i
  for ((i = 0; i < count; i += 2)); do chosen+=("${@:i+1:1}"); others+=("${@:i+2:1}"); done
  "$bench" "$model" --on sense $settings --normalize "$preset" --calibrate "${chosen[@]}" --run "${others[@]}" |
    awk -F'\t' -v title="$title" '{
      printf "| %s | %d | %.3f | %.3f | %.3f | %.3f | %.3f | %+.1f %% | %.1f |\n", title, $1, $2, $4, $6, $3 / $1, $5 / $1, 100 * ($5 / $3 - 1), $7 }'
}
real() { measure "$1" "$models/$1.onnx" "$2" 32 "" "${pictures[@]}"; }
cifar() { measure "$1" "$models/$1.onnx" raw 32 "" "$work"/*.npy; }
zoo() {  # zoo NETWORK METHOD SETTINGS: half of the weights
  syncopate prune "zoo:$1" -o "$work/$1.onnx" --density 0.5 --method "$2" > /dev/null
  measure "$1, made-up weights, $2${3:+, match}" "$work/$1.onnx" imagenet 16 "$3" "${pictures[@]}"
}

{
  echo "# Orders of channels on Sense"
  echo
  echo "Made by \`experiments/rearrange/run.sh\`. $(describe_machine)"
  echo
  echo "Convolutions with more than one pixel; utilization is pairs of non-zero operands over multipliers times cycles. Orders are chosen on one half of the pictures (16, zoo networks 8) and measured on the other."
  echo
  echo "| network | cycles | utilization | ... sorted | ... grouped | cycles sorted over as they are | ... grouped | grouped over sorted | s of choosing |"
  echo "|---|---|---|---|---|---|---|---|---|"
  cifar cifar10/resnet20_cifar10
  cifar cifar10/resnet56_cifar10
  real imagenet/squeezenet_v1.1 imagenet
  real imagenet/squeezenet_v1.0_deep_compression caffe
  real imagenet/mobilenet_v1_1.00_224 imagenet
  real imagenet/mobilenet_v1_0.50_160 imagenet
  real layers/alexnet_conv_pruned_0.5376_l2 caffe
  zoo vgg16 magnitude ""
  zoo vgg16 balanced ""
  zoo resnet50 balanced "--set pe_mode=match"
  zoo googlenet balanced "--set pe_mode=match"
} | tee "$work/results.md"
mv "$work/results.md" "$out"
