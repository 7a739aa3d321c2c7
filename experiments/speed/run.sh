#!/usr/bin/env bash
# Speed, as ratios measured side by side in one process: float inference against ONNX Runtime (where
# its Python package is installed), fixed point, counting and whole runs against float inference, DRAM
# requests per second. Writes experiments/speed/results.txt. About ten minutes on two idle cores.
. "$(dirname "$0")/../common.sh"
build_release
bench=${SYNCOPATE_BENCH:-build/release/bench}
out=experiments/speed/results.txt
{
  describe_machine
  echo "Load average at the start: $(cut -d' ' -f1-3 /proc/loadavg)"
  if python3 -c 'import onnxruntime, numpy' 2> /dev/null; then
    printf '\n== float inference against ONNX Runtime, two threads\n'
    python3 bench/compare_onnxruntime.py "$bench/float_bench" --threads 2 || true
  fi
  printf '\n== fixed point against float inference\n'
  "$bench/fixed_bench" 2> /dev/null
  printf '\n== counting against float inference\n'
  "$bench/count_bench"
  printf '\n== whole fresh runs against float inference\n'
  "$bench/run_bench"
  printf '\n== machines: compiling, counting, clocking\n'
  "$bench/machines_bench" 2> /dev/null
  printf '\n== DRAM\n'
  "$bench/dram_bench" 2> /dev/null
} | tee "$out.part"
mv "$out.part" "$out"
