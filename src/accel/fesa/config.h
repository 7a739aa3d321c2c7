#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::fesa {

/// The machine's numbers, and how a layer lies over the array.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t rows;      ///< Of PEs: pixels in parallel, or input maps of a layer of one pixel.
  std::int64_t columns;   ///< Of PEs: output maps in parallel.
  std::int64_t patterns;  ///< That kernels of one layer may have.
  std::int64_t fill_cycles;

  std::int64_t pes() const { return rows * columns; }
  /// Rows take input maps, because there are no pixels for them.
  static bool by_inputs(const map::Loops& loops) { return loops.pixels() == 1; }
  map::Grain grain(const map::Loops& loops) const;
  array::ArrayShape shape() const;
};

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::fesa
