#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/params.h"
#include "flow/rearrange.h"
#include "ir/graph.h"
#include "report/result.h"
#include "reproduce/paper.h"

namespace syncopate::reproduce {

/// A machine with its parameters and memory.
struct Variant {
  std::string machine;                 ///< Folder under accel/.
  std::string dram;                    ///< Memory preset.
  std::vector<std::string> overrides;  ///< "key=value".
};

/// One inference of a network on several machines.
struct Simulation {
  std::vector<report::NetworkLayer> layers;
  std::vector<report::MachineResult> machines;  ///< In the order of the variants.
};

/// What is done to the network's chain before machines are compiled for it.
struct Preparation {
  /// Of channels, see flow/rearrange.h; grouped as the first variant takes them.
  flow::Rearrangement order = flow::Rearrangement::none;
  /// Inputs that channel densities are measured on; empty: those that are run.
  std::vector<std::vector<Tensor>> measured;
};

/// Quantizes the network to 16 bits on these inputs, runs it once in fixed point, and executes
/// every layer on every variant. A sample of tiles of each is replayed in the clocked engine,
/// outputs included: InternalError when anything differs.
Simulation simulate(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                    std::span<const Variant> variants, const Watch& watch,
                    const Preparation& preparation = {});

/// Which layers a figure is about.
enum class Scope : std::uint8_t {
  all,
  conv,
  fc,
  weighted,  ///< Convolutions and fully connected layers.
  inner      ///< Convolutions but the first, whose inputs are few and dense.
};

/// Time, energy and work of one inference.
struct Cost {
  double seconds = 0;
  double chip_pj = 0;          ///< Without DRAM.
  double dram_bits = 0;        ///< Moved, both ways.
  double weight_bits = 0;      ///< Of these: weights and their index.
  double written_bits = 0;     ///< Of these: results.
  double compute_seconds = 0;  ///< As if memory never made the array wait.
  double macs = 0;             ///< Of the dense layers, padding included.
  double products = 0;         ///< Multiplications made.
  double slots = 0;            ///< Multipliers times cycles, without waiting for memory.
  /// Multipliers times cycles by what they did, waiting for memory included.
  std::array<double, sim::kCauses> causes{};
  /// Multipliers at work, 0 to 1.
  double utilization() const { return slots == 0 ? 0 : products / slots; }
  double total_pj(double dram_pj_per_bit) const { return chip_pj + dram_bits * dram_pj_per_bit; }
};
Cost cost_of(const Simulation& simulation, std::size_t machine, Scope scope);

}  // namespace syncopate::reproduce
