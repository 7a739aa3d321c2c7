#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "base/params.h"

namespace syncopate::accel::zena {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

/// The neuron and the synapse of a pair come from a PE's memory: an action beside the common ones.
inline constexpr std::size_t kOperandRead = array::kFirstOwnAct;

/// Outputs that blocks of the tiling are multiples of: enough kernels for every PE of a group to
/// have several [assumed].
inline constexpr std::int64_t kOutputGrain = 64;
/// Likewise for inputs. Layers of one pixel would otherwise be cut into many tiles of short kernels
/// [assumed].
inline constexpr std::int64_t kInputGrain = 16, kFlatInputGrain = 128;

/// Whose kernels an idle PE takes.
enum class Steal : std::uint8_t {
  none,
  local,  ///< Those of PEs that work on the same spatial tile.
  all
};

/// The parameters that the engines read, as numbers.
struct Config {
  std::int64_t groups = 16;         ///< PEs of a group share neurons by local broadcast.
  std::int64_t pes_per_group = 16;  ///< One multiplier each.
  Steal steal = Steal::all;
  std::int64_t steal_cost = 0;       ///< Cycles.
  std::int64_t kernel_overhead = 0;  ///< Cycles per kernel and spatial tile.
  std::int64_t fill_cycles = 0;
  std::int64_t neuron_row = 16;   ///< Neurons of one access to NBin.
  std::int64_t synapse_row = 16;  ///< Synapses of one access to SB.
  std::int64_t mask_row = 64;     ///< Bits of one access to the index memory.

  std::int64_t pes() const { return groups * pes_per_group; }
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::zena
