#!/usr/bin/env bash
# Sense's rates, rivals, DRAM traffic and ablation beside the published figures. Writes results.txt,
# results.json and report.html (not committed) here.
# About five minutes of processor time; without SYNCOPATE_DATA the real networks are left out. Networks
# trained under masks are taken from experiments/balanced/ (NAME.magnitude.sync, NAME.balanced.sync).
. "$(dirname "$0")/../common.sh"
build_release
here=experiments/sense
trained=()
[ -d experiments/balanced ] && trained=(--networks experiments/balanced)
{
  describe_machine
  syncopate reproduce sense "${trained[@]}" --json "$here/results.json" --report "$here/report.html"
} | tee "$here/results.txt.part"
mv "$here/results.txt.part" "$here/results.txt"
