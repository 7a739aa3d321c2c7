#!/usr/bin/env bash
# FlexFlow-Pro over dense and sparse machines, its settings, and the search for better ones. Writes
# results.txt, results.json and report.html (not committed) here.
# About eight minutes on two cores; without SYNCOPATE_DATA the real networks are left out.
. "$(dirname "$0")/../common.sh"
build_release
here=experiments/flexflow_pro
{
  describe_machine
  syncopate reproduce flexflow-pro --json "$here/results.json" --report "$here/report.html"
} | tee "$here/results.txt.part"
mv "$here/results.txt.part" "$here/results.txt"
