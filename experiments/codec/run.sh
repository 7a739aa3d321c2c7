#!/usr/bin/env bash
# The entropy coders: payload bytes and decoding speed on the reference integers (SYNCOPATE_REFERENCE, a
# folder with codec/resnet20.*; left out when unset) beside the best public figures and the general
# compressors there are (zstd, xz, brotli), then on other networks (SYNCOPATE_DATA, where the Python
# packages onnx and numpy are installed), then on made-up weights. Writes experiments/codec/results.md.
. "$(dirname "$0")/../common.sh"
build_release codec_bench codec_files
bench=${SYNCOPATE_BENCH:-build/release/bench}
out=experiments/codec/results.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

general() {  # general FILE NAME: bytes by general compressors
  local zstd=- xz=- brotli=-
  command -v zstd > /dev/null && zstd=$(zstd -19 --no-progress -c "$1" 2> /dev/null | wc -c)
  command -v xz > /dev/null && xz=$(xz -9e -c "$1" | wc -c)
  command -v brotli > /dev/null && brotli=$(brotli -q 11 -c "$1" | wc -c)
  echo "| $2 | $zstd | $xz | $brotli |"
}

{
  echo "# Entropy coding of weights"
  echo
  describe_machine
  echo "Load average at the start: $(cut -d' ' -f1-3 /proc/loadavg). Speeds: one core, CPU time. Payload bytes, each tensor coded by itself."
  if [ -n "${SYNCOPATE_REFERENCE:-}" ]; then
    echo
    echo "## Reference integers (ResNet-20)"
    echo
    codec=$SYNCOPATE_REFERENCE/codec
    "$bench/codec_files" "$codec/resnet20.shapes" "$codec"/resnet20.{int4sym,unstr80+int4sym,blk16_80+int4sym}.i8 | tee "$work/reference"
    echo
    echo "| file | best public figure | max over it | wanted |"
    echo "|---|---|---|---|"
    # best public figure per file (brotli 11 on packed nibbles, NNCodec 0.3.1 twice), and the bar
    grep '^| resnet20' "$work/reference" | awk -F' *\\| *' '
      $2 !~ /80/ {best = 74990; bar = 0.95} $2 ~ /unstr80/ {best = 37552; bar = 0.95} $2 ~ /blk16_80/ {best = 23815; bar = 0.90}
      {printf "| %s | %d | %.3f | %.2f |\n", $2, best, $7 / best, bar}'
    echo
    echo "| file | zstd -19 | xz -9e | brotli 11 |"
    echo "|---|---|---|---|"
    for name in int4sym unstr80+int4sym blk16_80+int4sym; do general "$codec/resnet20.$name.i8" "resnet20.$name.i8"; done
  fi
  if [ -n "${SYNCOPATE_DATA:-}" ] && python3 -c 'import onnx, numpy' 2> /dev/null; then
    models=$SYNCOPATE_DATA/models
    python3 experiments/codec/networks.py "$work" resnet56="$models/cifar10/resnet56_cifar10.onnx" \
      quick="$models/cifar10/cifar10_quick_caffe.onnx" lenet5="$models/mnist/lenet5_mnist.onnx" \
      squeezenet="$models/imagenet/squeezenet_v1.1.onnx" mobilenet_v1="$models/imagenet/mobilenet_v1_0.50_160.onnx"
    for shapes in "$work"/*.shapes; do
      name=$(basename "$shapes" .shapes)
      echo
      echo "## $name"
      echo
      "$bench/codec_files" "$shapes" "$work/$name".*.i32
    done
  fi
  echo
  echo "## Made-up weights (\`bench/codec_bench\`, 590 k of a 3x3 convolution)"
  echo
  echo '```'
  "$bench/codec_bench" 2> /dev/null
  echo '```'
} > "$out.part"
mv "$out.part" "$out"
cat "$out"
