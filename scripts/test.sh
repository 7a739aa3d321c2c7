#!/usr/bin/env bash
# What CI holds: format, layering, warnings as errors, every test in an optimized build, the same tests
# under sanitizers, each fuzz target briefly, a smoke run of the command line. Ends with one line
# "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
export CCACHE_NOHASHDIR=1
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=1000  # docs/rationale/threads.md
jobs=$(nproc)
passed=0
failed=0
launcher=()
command -v ccache > /dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

step() {  # step NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $name ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    echo "FAILED  $name ($((SECONDS - start)) s)"
  fi
}

build() {  # build PRESET [OPTION...]
  local preset=$1
  shift
  cmake --preset "$preset" "${launcher[@]}" "$@" > "build/$preset.log" 2>&1 || { cat "build/$preset.log"; return 1; }
  cmake --build "build/$preset" -j "$jobs" > "build/$preset.log" 2>&1 || { tail -n 60 "build/$preset.log"; return 1; }
}

format() { git ls-files '*.h' '*.cpp' | xargs clang-format-19 --dry-run --Werror; }

suite() { ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j "$jobs" "${@:2}"; }

mkdir -p build
step "format" format
step "layering" python3 tests/layering_test.py
step "build, warnings are errors" build ci -DSYNCOPATE_BENCH=ON -DSYNCOPATE_TRAIN=ON
step "tests" suite ci
# One build by clang serves both the tests under sanitizers and the fuzz targets.
step "build with sanitizers" build fuzz
step "tests under sanitizers" env SYNCOPATE_TEST_SCALE=sanitized ctest --test-dir build/fuzz --output-on-failure --no-tests=error -j "$jobs"
step "fuzz targets, briefly" scripts/fuzz.sh 10
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
