#pragma once

#include <cstdint>
#include <vector>

#include "accel/sense/geometry.h"
#include "sim/layer_data.h"

namespace syncopate::accel::sense {

/// What counting needs of the weights of one group of columns and one block of inputs.
struct ColumnGroup {
  std::int64_t columns = 0;            ///< Outputs.
  std::vector<std::uint32_t> weights;  ///< [channel]: non-zero weights of all outputs.
  std::vector<std::uint32_t> largest;  ///< [channel]: of the output with the most.
  /// [channel][feature][column]: non-zero weights; rows of width() columns. Only where a PE's time
  /// is no single product.
  std::vector<std::uint16_t> table;
  /// `columns` in whole wide registers, kMostWidth at most.
  std::int64_t width() const { return (columns + 15) / 16 * 16; }
};
inline constexpr std::int64_t kMostWidth = 64;

/// A tile's weights, as the array takes them, group by group.
using SegmentWeights = std::vector<ColumnGroup>;

/// Looks at the weights of outputs [out0, out1) and inputs [in0, in1) of a group. Tables are made
/// if `with_tables`.
SegmentWeights look_at(const Config& config, const Geometry& geometry, const sim::LayerData& data,
                       const array::Segment& segment, bool with_tables);

}  // namespace syncopate::accel::sense
