#!/usr/bin/env bash
# Cambricon-S over Cambricon-X and DianNao, with the ablation. Writes results.txt and results.json here.
# About six minutes on two cores; without SYNCOPATE_DATA the real networks are left out.
. "$(dirname "$0")/../common.sh"
build_release
here=experiments/cambricon_s
{
  describe_machine
  syncopate reproduce cambricon-s --json "$here/results.json"
} | tee "$here/results.txt.part"
mv "$here/results.txt.part" "$here/results.txt"
