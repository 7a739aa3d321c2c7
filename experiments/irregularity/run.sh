#!/usr/bin/env bash
# How regular masks are, fine-grained against in blocks: random masks at published densities, then real
# networks (SYNCOPATE_DATA; left out when unset), all pruned in one shot and to equal density. Then local
# convergence and the imbalance each structure leaves. Writes experiments/irregularity/results.md. Needs
# python3; about five minutes on two cores.
. "$(dirname "$0")/../common.sh"
build_release syncopate
out=experiments/irregularity/results.md
{
  echo "# How regular masks are"
  echo
  describe_machine
  echo
  python3 experiments/irregularity/tables.py "${SYNCOPATE_BINARY:-build/release/src/cli/syncopate}" "${SYNCOPATE_DATA:-}"
} | tee "$out.part"
mv "$out.part" "$out"
