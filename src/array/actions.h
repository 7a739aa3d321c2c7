#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arch/spec.h"
#include "sim/stats.h"

namespace syncopate::array {

/// What an array machine's parts do, in the order of Spec::actions. A machine without an index
/// lists only the actions before index_read, one without an encoder those before encode, and so on;
/// actions of its own follow.
enum class Act : std::uint8_t {
  multiply,
  add,            ///< Adder trees, accumulators, comparators of pooling.
  neuron_read,    ///< One row of NBin: one neuron per multiplier of a lane, mostly.
  neuron_write,   ///< Likewise.
  synapse_read,   ///< One row of a lane's SB.
  synapse_write,  ///< Likewise.
  sum_read,       ///< One row of NBout: one 32-bit partial sum per lane, mostly.
  sum_write,      ///< Likewise.
  dram_read,      ///< Bits.
  dram_write,     ///< Bits.
  index_read,     ///< One row of the index memory.
  index_write,    ///< Likewise.
  select,         ///< One position of a window examined by selection logic.
  pick,           ///< One word chosen by a multiplexer.
  encode,         ///< One output neuron compressed.
  lookup          ///< One codebook entry read.
};

/// A machine that compresses neurons and has no codebook may append actions of its own to its list;
/// they are numbered from here.
inline constexpr std::size_t kFirstOwnAct = static_cast<std::size_t>(Act::lookup);
/// The same for a machine without an index memory.
inline constexpr std::size_t kFirstOwnActWithoutIndex = static_cast<std::size_t>(Act::index_read);

/// Shapes that the energy of an action depends on.
struct ActionShape {
  int word_bits = 16;
  int lanes = 16;
  int multipliers_per_lane = 16;
  std::int64_t neuron_bytes = 0;    ///< NBin.
  std::int64_t synapse_bytes = 0;   ///< SB of one lane.
  std::int64_t sum_bytes = 0;       ///< NBout.
  std::int64_t neuron_row = 0;      ///< Neurons in a row of NBin; 0: one per multiplier of a lane.
  std::int64_t synapse_row = 0;     ///< Synapses in a row of SB; 0: likewise.
  std::int64_t sum_row = 0;         ///< Partial sums in a row of NBout; 0: one per lane.
  std::int64_t index_bytes = 0;     ///< Index memory; 0 without.
  std::int64_t index_row_bits = 0;  ///< Width of one access to it.
  bool encoder = false;             ///< Compresses output neurons; needs an index memory.
  std::int64_t lut_bytes = 0;       ///< Codebook memory of one lane; 0 without. Needs an encoder.
};
/// Bits of one partial sum in NBout [assumed]: wide enough for the 16-bit products of published
/// layers.
inline constexpr std::int64_t kSumBits = 32;

/// The action list of a machine with that shape: up to sum and DRAM accesses, then index actions if
/// it has an index memory, then the encoder and the codebook if it has them.
std::vector<arch::Action> array_actions(const ActionShape& shape);

inline void tally(sim::Stats& stats, Act act, std::int64_t times) {
  stats.actions[static_cast<std::size_t>(act)] += times;
}
/// An action of the machine's own, by its place in Spec::actions.
inline void tally(sim::Stats& stats, std::size_t own, std::int64_t times) {
  stats.actions[own] += times;
}
inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace syncopate::array
