#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/zena/schedule.h"

namespace syncopate::accel::zena {

/// One tile as the counting engine schedules it.
struct Jobs {
  const Split& split;
  std::span<const Allocation* const> own;  ///< Per spatial tile.
  std::span<const std::int32_t> nonzero;   ///< Weights of each kernel.
  std::span<const std::int32_t> pairs;     ///< [spatial tile][kernel]
};

/// How a tile went.
struct Outcome {
  std::int64_t cycles = 0;        ///< Until the last PE had finished.
  std::int64_t worked = 0;        ///< PEs that had a kernel.
  std::int64_t stolen = 0;        ///< Kernels done by another PE than their own.
  std::int64_t moved_pixels = 0;  ///< Pixels of spatial tiles, per kernel done by another group.
};

/// Plays the PEs from event to event: the earliest PE to be free goes first, the lowest among equal
/// ones.
Outcome play(const Config& config, const Jobs& jobs);

}  // namespace syncopate::accel::zena
