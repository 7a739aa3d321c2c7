#!/usr/bin/env bash
# Runs every libFuzzer target for SECONDS each (default 60) on its seed corpus. Usage: scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
launcher=()
command -v ccache > /dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
mkdir -p build
cmake --preset fuzz "${launcher[@]}" > build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
cmake --build build/fuzz -j "$(nproc)" --target fuzzers > build/fuzz.log 2>&1 || { tail -n 60 build/fuzz.log; exit 1; }
found=0
for target in build/fuzz/fuzz/*_fuzz; do
  [ -x "$target" ] || continue
  found=$((found + 1))
  name=$(basename "$target")
  work=build/fuzz/corpus/$name
  mkdir -p "$work"
  seeds=()
  [ -d "fuzz/corpus/$name" ] && seeds=("fuzz/corpus/$name")
  "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "$work" "${seeds[@]}" > "build/fuzz/$name.log" 2>&1 ||
    { tail -n 40 "build/fuzz/$name.log"; echo "$name: failed; its input is beside build/fuzz/$name.log"; exit 1; }
  grep -h 'stat::number_of_executed_units' "build/fuzz/$name.log" | sed "s/^/$name /"
done
[ "$found" -gt 0 ] || { echo "no fuzz targets were built"; exit 1; }
