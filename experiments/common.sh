# Sourced by the experiments: builds the binary, finds the data, describes the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_release() {  # build_release [TARGET...]: quiet unless it fails; not when SYNCOPATE_BINARY is set
  [ -n "${SYNCOPATE_BINARY:-}" ] && return
  mkdir -p build
  cmake --preset release -DSYNCOPATE_TESTS=OFF > build/release.log 2>&1 || { cat build/release.log; exit 1; }
  cmake --build build/release -j "$(nproc)" ${1:+--target "$@"} > build/release.log 2>&1 ||
    { tail -n 40 build/release.log; exit 1; }
}
syncopate() { "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "$@"; }

need_data() {
  [ -n "${SYNCOPATE_DATA:-}" ] && [ -d "$SYNCOPATE_DATA/models" ] && return
  echo "Set SYNCOPATE_DATA to the folder that holds models/, cifar10/, mnist/ and images/." >&2
  exit 2
}

# Of experiments that train: `work` is the folder that is kept and gone on from, `threads` those of a run.
training_work() {  # training_work NAME
  need_data
  build_release syncopate syncopate-train
  work=${WORK:-out/$1}
  mkdir -p "$work"
  threads=${THREADS:-1}  # on a machine that others use too, one is fastest
}

describe_machine() {
  local about="s/^model name[[:space:]]*: //p; s/^cpu family[[:space:]]*: /family /p; s/^model[[:space:]]*: /model /p"
  local gpu
  gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | paste -sd,) || gpu=
  echo "Machine: $(sed -n "$about" /proc/cpuinfo | head -3 | sort | paste -sd' '), $(nproc) cores,${gpu:+ $gpu,}" \
       "$(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), $(. /etc/os-release; echo "$PRETTY_NAME")," \
       "$(g++ --version | head -1). Revision $(git rev-parse --short HEAD)."
}
