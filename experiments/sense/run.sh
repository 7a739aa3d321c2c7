#!/usr/bin/env bash
# Sense's rates, rivals, DRAM traffic and ablation beside the published figures. Writes results.txt,
# results.json and report.html (not committed) here.
# About five minutes of processor time; without SYNCOPATE_DATA the real networks are left out. Networks
# trained under masks (NAME.magnitude.onnx, NAME.balanced.onnx, or .sync) are taken from NETWORKS, by default
# the work folder of experiments/balanced/run.sh.
. "$(dirname "$0")/../common.sh"
build_release
here=experiments/sense
networks=${NETWORKS:-out/balanced}
trained=()
[ -d "$networks" ] && trained=(--networks "$networks")
{
  describe_machine
  syncopate reproduce sense "${trained[@]}" --json "$here/results.json" --report "$here/report.html"
} | tee "$here/results.txt.part"
mv "$here/results.txt.part" "$here/results.txt"
