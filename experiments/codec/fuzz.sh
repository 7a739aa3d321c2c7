#!/usr/bin/env bash
# A long run of the .sync fuzzer under ASan and UBSan: at least RUNS executions (default 1,000,000).
# Writes experiments/codec/fuzz.txt. Usage: experiments/codec/fuzz.sh [RUNS]
. "$(dirname "$0")/../common.sh"
runs=${1:-1000000}
mkdir -p build
cmake --preset fuzz > build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
cmake --build build/fuzz -j "$(nproc)" --target sync_fuzz > build/fuzz.log 2>&1 || { tail -n 40 build/fuzz.log; exit 1; }
corpus=build/fuzz/corpus/sync_fuzz
mkdir -p "$corpus"
build/fuzz/fuzz/sync_fuzz -runs="$runs" -timeout=20 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
  -artifact_prefix=build/fuzz/sync_fuzz- "$corpus" fuzz/corpus/sync_fuzz > build/fuzz/sync_fuzz_long.log 2>&1 ||
  { tail -n 40 build/fuzz/sync_fuzz_long.log; echo "failed; its input is beside build/fuzz/sync_fuzz_long.log"; exit 1; }
{
  describe_machine
  echo "sync_fuzz under ASan and UBSan: no crash, hang, leak or over-allocation (limits: 20 s, 2048 MB)."
  grep -h '^stat::' build/fuzz/sync_fuzz_long.log
} > experiments/codec/fuzz.txt
cat experiments/codec/fuzz.txt
