#!/usr/bin/env bash
# Runs every libFuzzer target for SECONDS each (default 60) on its seed corpus, as many at a time as there
# are cores. Usage: scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
export seconds=${1:-60}
launcher=()
command -v ccache > /dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
mkdir -p build
cmake --preset fuzz "${launcher[@]}" > build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
cmake --build build/fuzz -j "$(nproc)" --target fuzzers > build/fuzz.log 2>&1 || { tail -n 60 build/fuzz.log; exit 1; }

fuzz() {  # fuzz TARGET
  local name work seeds=()
  name=$(basename "$1")
  work=build/fuzz/corpus/$name
  mkdir -p "$work"
  [ -d "fuzz/corpus/$name" ] && seeds=("fuzz/corpus/$name")
  "$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "$work" "${seeds[@]}" > "build/fuzz/$name.log" 2>&1 ||
    { tail -n 40 "build/fuzz/$name.log"; echo "$name: failed; its input is beside build/fuzz/$name.log"; return 1; }
  grep -h 'stat::number_of_executed_units' "build/fuzz/$name.log" | sed "s/^/$name /"
}
export -f fuzz
targets=(build/fuzz/fuzz/*_fuzz)
[ -x "${targets[0]}" ] || { echo "no fuzz targets were built"; exit 1; }
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz "$1"' fuzz
