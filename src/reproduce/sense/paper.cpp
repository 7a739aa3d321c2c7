#include "reproduce/paper.h"

#include "reproduce/sense/study.h"

// Sense (arXiv 2202.00389; IEEE TVLSI 2023): rates, rivals, DRAM, and what balanced kernels and
// rearranged channels bring.

namespace syncopate::reproduce::sense {
namespace {

std::vector<Workload> workloads(const Options& options, Outcome& outcome) {
  std::vector<Workload> all = synthetic_workloads();
  const auto add = [&](std::vector<Workload> more) {
    for (Workload& workload : more) all.push_back(std::move(workload));
  };
  if (options.data.empty()) {
    outcome.notes.emplace_back(
        "Real networks were not run: give their folder with --data or SYNCOPATE_DATA.");
  } else {
    add(real_workloads(options.data, outcome.notes));
  }
  if (!options.networks.empty()) {
    add(trained_workloads(options.data, options.networks, outcome.notes));
  }
  return all;
}

Outcome run(const Options& options, const Watch& watch) {
  Outcome outcome;
  outcome.title = "sense";
  outcome.notes = {
      "Only the abstracts and the introduction of Sense are known; its PEs, buffers and tables are "
      "assumptions (src/accel/sense/README.md). Nothing is tuned to the paper.",
      "All machines: 1024 multipliers, 200 MHz, 16 bits, 19.2 GB/s without latency (Eyeriss: its "
      "own 168 PEs, for its traffic alone).",
      "Networks marked synthetic have random weights and one made-up picture; AlexNet's channels "
      "are "
      "held in place by normalization across channels and by groups, those of the one-tower "
      "variant "
      "are not."};
  std::vector<Case> cases;
  for (const Workload& workload : workloads(options, outcome)) {
    cases.push_back(run_case(workload, watch));
  }
  const std::vector<OneLayer> layers = one_layer_cases(watch);
  outcome.tables = {verdict_table(cases, layers),
                    peak_table(),
                    rate_table(cases),
                    cause_table(cases),
                    speed_table(cases),
                    first_version_table(cases),
                    dataflow_table(cases),
                    buffer_table(cases),
                    eyeriss_table(cases),
                    ablation_table(cases, layers),
                    energy_table(cases),
                    density_table(cases)};
  outcome.plots = {rate_plot(cases), speed_plot(cases), ablation_plot(cases, layers)};
  return outcome;
}

}  // namespace

extern const Paper paper;
const Paper paper{"sense", "Sense: rates, FPGA rivals, DRAM, balanced kernels and channels", run};

}  // namespace syncopate::reproduce::sense
