#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "base/params.h"

namespace syncopate::accel::sparten {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

// Actions beside the common ones.
/// The neuron and the synapse of a pair come from a CU's memory.
inline constexpr std::size_t kOperandRead = array::kFirstOwnAct;
/// Prefix sums and priority encoder find a pair in a chunk.
inline constexpr std::size_t kJoin = kOperandRead + 1;
/// A partial sum goes back to its filter's place.
inline constexpr std::size_t kPermute = kJoin + 1;

/// Which filters a CU gets.
enum class Balance : std::uint8_t {
  none,    ///< One, in order.
  filter,  ///< GB-S: a dense and a sparse one, by their weights in the tile.
  chunk    ///< GB-H: a dense and a sparse one, chosen anew for every chunk.
};

/// The parameters that compiler and engines read, as numbers.
struct Config {
  std::int64_t clusters = 8;
  std::int64_t units = 32;   ///< Compute units (CUs) of a cluster, one multiplier each.
  std::int64_t chunk = 128;  ///< Positions of a chunk.
  Balance balance = Balance::chunk;
  std::int64_t chunk_cycles = 1;      ///< That a broadcast chunk takes at least.
  std::int64_t unpermute_cycles = 0;  ///< Per step, with balancing.
  std::int64_t fill_cycles = 0;
  std::int64_t row = 8;  ///< Words of one access to NBin or SB.

  /// Filters a cluster works on together.
  std::int64_t filters() const { return balance == Balance::none ? units : 2 * units; }
  std::int64_t chunks(std::int64_t positions) const { return array::ceil_div(positions, chunk); }
  /// CU of the filter that comes at that place in the order of density.
  std::int64_t unit_of(std::int64_t place) const {
    return place < units ? place : 2 * units - 1 - place;
  }
  std::int64_t step_overhead() const { return balance == Balance::none ? 0 : unpermute_cycles; }
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::sparten
