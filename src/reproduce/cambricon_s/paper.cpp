#include "reproduce/paper.h"

#include <fmt/core.h>

#include "reproduce/cambricon_s/study.h"

// Cambricon-S (MICRO 2018; dissertation 2020) against Cambricon-X and DianNao.

namespace syncopate::reproduce::cambricon_s {
namespace {

Outcome run(const Options& options, const Watch& watch) {
  Outcome outcome;
  outcome.title = "cambricon-s";
  outcome.notes = {
      "Cambricon-S over Cambricon-X; above 1, Cambricon-S is better. Energy at 65 nm; nothing is "
      "tuned to the paper.",
      "Networks without 'real' in their name are SYNTHETIC: random weights at published densities, "
      "biases that give activations the stated densities, one made-up picture.",
      "The paper's CPU and GPU ratios cannot be reproduced: its software baselines are not known."};
  const std::vector<Case> cases = synthetic_cases(watch);
  outcome.tables.push_back(headline_table(cases));
  outcome.tables.push_back(ablation_table(cases));
  outcome.tables.push_back(density_table(cases));
  if (options.data.empty()) {
    outcome.notes.emplace_back(
        "Real pruned networks were not run: give their folder with --data or SYNCOPATE_DATA.");
  } else {
    outcome.tables.push_back(real_table(options.data, watch));
  }
  return outcome;
}

}  // namespace

extern const Paper paper;
const Paper paper{"cambricon-s", "Cambricon-S over Cambricon-X and DianNao, in time and energy",
                  run};

}  // namespace syncopate::reproduce::cambricon_s
