#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::spots {

/// Which positions of a step are left out.
enum class Skip : std::uint8_t {
  either,  ///< Where all weights of a column, or all neurons of a row, are zero.
  both     ///< Where all of both are.
};

/// The machine's numbers, and how a layer lies over the array.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t rows;        ///< Of PEs: filters in parallel.
  std::int64_t columns;     ///< Of PEs: pixels in parallel.
  std::int64_t max_pieces;  ///< The array splits into so many pieces of fewer rows.
  Skip skip;
  std::int64_t fill_cycles;

  std::int64_t pes() const { return rows * columns; }
  /// Pieces for a layer of so many filters: as few as leave the fewest rows without one.
  std::int64_t pieces(std::int64_t outs) const;
  /// Filters of a piece.
  std::int64_t height(std::int64_t outs) const { return rows / pieces(outs); }
  map::Grain grain(const map::Loops& loops) const;
  array::ArrayShape shape() const;
};

/// Action beside the common ones, in the place of an encoder: a neuron leaves the im2col unit.
inline constexpr auto kArrange = static_cast<std::size_t>(array::Act::encode);

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::spots
