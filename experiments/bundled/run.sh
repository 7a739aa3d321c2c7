#!/usr/bin/env bash
# Trains, prunes and exports the bundled network and its pictures. Needs python3-torch and python3-numpy.
set -euo pipefail
cd "$(dirname "$0")/../.."
OMP_WAIT_POLICY=PASSIVE /usr/bin/python3 experiments/bundled/train.py "$@"
