#include "reproduce/paper.h"

#include "reproduce/flexflow_pro/study.h"

// FlexFlow-Pro (IEEE TC 2019) against dense machines and sparse ones.

namespace syncopate::reproduce::flexflow_pro {
namespace {

Outcome run(const Options& options, const Watch& watch) {
  Outcome outcome;
  outcome.title = "flexflow-pro";
  outcome.notes = {
      "FlexFlow-Pro over each rival; above 1, FlexFlow-Pro is better. Equal multipliers (256; "
      "Systolic has 252), 16 bits, 1 GHz, the same memory. Energy at 65 nm; nothing is tuned to "
      "the "
      "paper.",
      "Only the abstract of FlexFlow-Pro is known: its micro-architecture here is an assumption "
      "built on FlexFlow, and so is the list of rivals.",
      "Networks marked synthetic have random weights at published densities (GoogLeNet: 35 % of "
      "the weights, assumed), and one made-up picture."};
  std::vector<Case> cases = synthetic_cases(watch);
  std::vector<RealNetwork> real;
  if (options.data.empty()) {
    outcome.notes.emplace_back(
        "Real pruned networks were not run: give their folder with --data or SYNCOPATE_DATA.");
  } else {
    real = load_real(options.data, pruned_files(), outcome.notes);
    for (const RealNetwork& network : real) {
      cases.push_back(run_case(network.name, network.graph, network.inputs, watch));
    }
  }
  outcome.tables.push_back(verdict_table(cases));
  for (const std::size_t memory : {std::size_t{0}, std::size_t{1}}) {
    outcome.tables.push_back(speed_table(cases, memory, kConv));
    outcome.tables.push_back(speed_table(cases, memory, kAll));
  }
  outcome.tables.push_back(energy_table(cases, 0, false));
  outcome.tables.push_back(energy_table(cases, 0, true));
  outcome.tables.push_back(skip_table(cases));
  outcome.tables.push_back(slack_table(cases));
  outcome.tables.push_back(size_table(cases));
  if (!real.empty()) outcome.tables.push_back(search_table(real, watch));
  outcome.plots.push_back(speed_plot(cases));
  outcome.plots.push_back(slack_plot(cases));
  return outcome;
}

}  // namespace

extern const Paper paper;
const Paper paper{"flexflow-pro", "FlexFlow-Pro over dense and sparse machines, in time and energy",
                  run};

}  // namespace syncopate::reproduce::flexflow_pro
