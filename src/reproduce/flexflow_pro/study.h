#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "reproduce/paper.h"
#include "reproduce/real_networks.h"
#include "reproduce/simulate.h"

namespace syncopate::reproduce::flexflow_pro {

/// Memories compared [assumed], in GB/s; the wide one shows the arrays themselves.
inline const std::vector<std::string> kMemories{"ideal-25.6", "ideal-250"};
/// DRAM energy, pJ/bit [assumed].
inline constexpr double kDramEnergy = 20;

/// A machine FlexFlow-Pro is compared with.
struct Rival {
  std::string label;
  std::string machine;
  std::vector<std::string> overrides;
  std::string skips;     ///< What it skips, in words.
  bool in_mean = false;  ///< One of the five whose mean stands beside the paper's 2.5x [assumed].
};
const std::vector<Rival>& rivals();

/// A way to run FlexFlow-Pro.
struct Setting {
  std::string label;
  std::vector<std::string> overrides;
};
const std::vector<Setting>& skip_modes();  ///< none, synapse, neuron, both.
const std::vector<Setting>& slacks();      ///< 1, 2, 4, 8, 16, unbounded.
const std::vector<Setting>& sizes();       ///< D: 8, 16, 32, 64.
const std::vector<Setting>& balances();    ///< Columns as they come, and balanced offline.

/// What a network cost, by [scope]: everything, convolutions alone.
using Costs = std::vector<Cost>;
inline constexpr std::size_t kAll = 0, kConv = 1;

/// One network on everything.
struct Case {
  std::string network;
  bool synthetic = false;
  std::vector<Costs> pro;                             ///< [memory]
  std::vector<std::vector<Costs>> rivals;             ///< [memory][rival]
  std::vector<Costs> skips, slacks, sizes, balances;  ///< On the first memory.
};
/// Runs everything above on one inference.
Case run_case(const std::string& name, const ir::Graph& graph, const std::vector<Tensor>& inputs,
              const Watch& watch);
/// AlexNet and VGG-16 at published densities, and GoogLeNet at assumed ones.
std::vector<Case> synthetic_cases(const Watch& watch);

/// Time and energy over each rival, per network, with means.
ResultTable speed_table(const std::vector<Case>& cases, std::size_t memory, std::size_t scope);
ResultTable energy_table(const std::vector<Case>& cases, std::size_t memory, bool with_dram);
/// Per rival: the means over networks, and whether the paper's figure holds against it.
ResultTable verdict_table(const std::vector<Case>& cases);
ResultTable skip_table(const std::vector<Case>& cases);
ResultTable slack_table(const std::vector<Case>& cases);
ResultTable size_table(const std::vector<Case>& cases);
Plot speed_plot(const std::vector<Case>& cases);
Plot slack_plot(const std::vector<Case>& cases);

/// Slack, balancing and scan width searched for the least energy-delay product at no more area, on
/// real networks.
ResultTable search_table(const std::vector<RealNetwork>& networks, const Watch& watch);

}  // namespace syncopate::reproduce::flexflow_pro
