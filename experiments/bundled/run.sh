#!/usr/bin/env bash
# Makes the bundled network with the project's own pipeline: trains shapes-net on the procedural pictures, prunes it
# in blocks (16 outputs share an index) with tuning, retrains codebooks, codes it. Needs libtorch; about ten minutes on
# one core. Writes data/bundled/shapes_net.sync, data/bundled/pictures/*.png, and here what was measured. Kept work
# (WORK, default out/bundled) is gone on from.
. "$(dirname "$0")/../common.sh"
build_release syncopate syncopate-train
work=${WORK:-out/bundled}
mkdir -p "$work"
[ -f "$work/shapes_net.onnx" ] ||
  syncopate --threads 1 train shapes-net --normalize signed --epochs 8 -o "$work/shapes_net.onnx" --json experiments/bundled/train.json
syncopate --threads 1 compress "$work/shapes_net.onnx" --data shapes --normalize signed --method coarse --budget 0.2 --density 0.2 \
  --step 0.5 --step-epochs 1 --more-epochs 2 --settle-epochs 2 --book-epochs 1 --rates 0.05,0.02 --conv-bits 6 \
  --work "$work/work" -o data/bundled/shapes_net.sync --json experiments/bundled/compress.json
python3 experiments/bundled/shapes.py data/bundled/pictures
