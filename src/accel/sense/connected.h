#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "accel/sense/config.h"
#include "array/machine.h"

// Fully connected layers: units of a pass are stretches of inputs side by side, each meets the same
// stretch of every output's weights.

namespace syncopate::accel::sense {

/// What rows of weights come to over the units of a pass.
struct RowsMatch {
  std::int64_t products = 0;  ///< Of non-zero inputs and weights.
  std::int64_t slowest = 0;   ///< Of the row and unit with the most.
  std::int64_t weights = 0;   ///< That are not zero.
};
/// Rows of weights lie `pitch` words apart. Unit u, which is not empty, is bits [bounds[u],
/// bounds[u + 1]) of the inputs and of all rows; bits outside of all units may be anything.
RowsMatch match_rows(const std::uint64_t* inputs, const std::uint64_t* weights, std::int64_t rows,
                     std::int64_t pitch, std::span<const std::int64_t> bounds);

/// Counts tiles of a layer whose Geometry is fully_connected().
std::unique_ptr<array::ConvCounter> connected_counter(const Config& config,
                                                      const sim::LayerData& data,
                                                      const array::DecodedLayer& layer);

}  // namespace syncopate::accel::sense
