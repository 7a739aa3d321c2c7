#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::swallow {

/// The machine's numbers, and how a layer lies over the array.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t rows;          ///< Of PEs: pixels in parallel, or blocks in a layer of one pixel.
  std::int64_t columns;       ///< Of PEs: output maps in parallel.
  std::int64_t block;         ///< Input maps between two barriers.
  std::int64_t block_cycles;  ///< That a block takes at least.
  std::int64_t fill_cycles;

  std::int64_t pes() const { return rows * columns; }
  std::int64_t blocks(std::int64_t ins) const { return array::ceil_div(ins, block); }
  /// Rows take blocks of input maps, because there are no pixels for them.
  static bool by_blocks(const map::Loops& loops) { return loops.pixels() == 1; }
  map::Grain grain(const map::Loops& loops) const;
  array::ArrayShape shape() const;
};

// Actions beside the common ones.
/// A PE finds a pair: the next position at which both masks have a bit.
inline constexpr std::size_t kMatch = array::kFirstOwnAct;
/// A mask of 16 positions or a value moves on to the next PE.
inline constexpr std::size_t kPass = kMatch + 1;

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::swallow
