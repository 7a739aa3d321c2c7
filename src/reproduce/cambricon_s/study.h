#pragma once

#include <string>
#include <vector>

#include "reproduce/paper.h"
#include "reproduce/simulate.h"
#include "reproduce/synthetic_network.h"

namespace syncopate::reproduce::cambricon_s {

/// Memories compared [assumed], in GB/s: the group's DianNao simulator used up to 250.
inline const std::vector<std::string> kMemories{"ideal-25.6", "ideal-250"};
/// Both readings of how selected pairs fill a row of multipliers; the paper's is one of them.
inline const std::vector<std::string> kCompactions{"fifo", "window"};
/// DRAM energy, pJ/bit: DDR3-class, and the low bound in use elsewhere [assumed].
inline constexpr double kDramEnergy = 20, kDramEnergyLow = 6;

/// A step on the way from one machine to the other.
struct Step {
  std::string name;
  Structure weights = Structure::coarse;
  std::string machine;
  std::vector<std::string> overrides;
};
/// From Cambricon-X to Cambricon-S: shared index and balance by coarse blocks, fewer bytes, skipped
/// neurons; and single means taken away from or given to the whole.
const std::vector<Step>& ladder();

/// A synthetic network on everything compared.
struct Case {
  std::string network, table;
  std::vector<zoo::LayerDensity> wanted, fine_reached, coarse_reached;
  /// Costs by [step of ladder()][memory][compaction][scope].
  std::vector<std::vector<std::vector<std::vector<Cost>>>> steps;
  /// DianNao by [memory][scope].
  std::vector<std::vector<Cost>> diannao;
};

/// AlexNet and VGG16 at the densities of both tables.
std::vector<Case> synthetic_cases(const Watch& watch);

/// S over X and DianNao, with geometric means and the paper's figures.
ResultTable headline_table(const std::vector<Case>& cases);
/// Every step of the ladder over Cambricon-X.
ResultTable ablation_table(const std::vector<Case>& cases);
/// Densities wanted and reached.
ResultTable density_table(const std::vector<Case>& cases);
/// Pruned networks from files under `data`, as they are and pruned again in blocks.
ResultTable real_table(const std::string& data, const Watch& watch);

}  // namespace syncopate::reproduce::cambricon_s
