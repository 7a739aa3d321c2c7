#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/zena/config.h"

// What the controller decides before a tile begins, from sizes and weights alone.

namespace syncopate::accel::zena {

/// A tile's pixels cut into spatial tiles of equal size, and the PEs into as many sets.
struct Split {
  std::int64_t parts = 1;  ///< Spatial tiles.
  std::int64_t pixels = 1, pes = 1;

  std::int64_t pixel_begin(std::int64_t part) const { return part * pixels / parts; }
  std::int64_t pe_begin(std::int64_t part) const { return part * pes / parts; }
};
/// One spatial tile per group of PEs; more where kernels are fewer than a group's PEs, and no more
/// than pixels.
Split split(const Config& config, std::int64_t pixels, std::int64_t kernels);

/// Kernels in the order in which each PE takes them.
struct Allocation {
  std::vector<std::int32_t> kernels;  ///< PE after PE.
  std::vector<std::int32_t> begin;    ///< Of each PE's part, and the end.
  std::vector<std::int64_t> nonzero;  ///< Weights of each PE's kernels.
};
/// Longest first: kernels by their non-zero weights, the most first, each to the PE that has the
/// fewest so far. Kernels and PEs with lower numbers go first where all else is equal.
Allocation allocate(std::span<const std::int32_t> nonzero, std::int64_t pes);

}  // namespace syncopate::accel::zena
