#pragma once

#include <cstdint>

#include "accel/eyeriss/config.h"

namespace syncopate::accel::eyeriss {

/// How the rows of one tile lie over the PEs: folded where a set is larger than the array,
/// replicated where it is smaller.
struct RowSets {
  RowSets(const Config& config, const map::Loops& loops, const map::TileBox& box);

  std::int64_t chunks = 1;      ///< A kernel of more rows than the array has is cut into these,
  std::int64_t chunk_rows = 1;  ///< of so many rows (the last one fewer).
  std::int64_t strips = 1;      ///< The tile's output rows are cut into these,
  std::int64_t strip_rows = 1;  ///< of so many rows (the last one fewer).
  std::int64_t copies = 1;      ///< Sets that fit on the array.
  std::int64_t job_cycles = 1;  ///< Of a set: output columns times kernel columns.
  std::int64_t jobs = 1;        ///< Sets that the tile takes, over all maps.

  /// Passes of partial sums through the global buffer: a pass reduces over the channels that a PE
  /// holds and the sets side by side in depth.
  std::int64_t passes = 1;
  /// Filters that share one reading of the neurons: those that a PE holds and those of sets side by
  /// side.
  std::int64_t filters_at_once = 1;

  /// Cycles of the tile.
  std::int64_t cycles() const { return array::ceil_div(jobs, copies) * job_cycles; }
};

}  // namespace syncopate::accel::eyeriss
