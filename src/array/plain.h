#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"
#include "sim/stats.h"

// Work without shared inputs, the same on every array machine of this family: each lane takes one
// neuron a cycle from its own column of the neuron buffer and uses one of its multipliers
// [assumed]. A window (pooling, depthwise convolution, LRN sums) costs kernel_size beats per pixel
// and 16 channels, elementwise work one. Nothing is skipped. Positions in the padding are bubbles,
// and so are depthwise products with a zero; every other operation is work.

namespace syncopate::array {

/// What plain work needs to know of the array.
struct PlainArray {
  std::int64_t lanes = 16;
  std::int64_t multipliers = 256;  ///< Of all lanes.
};

/// Counting engine for the tiles of one window or elementwise layer.
class PlainCounter {
 public:
  PlainCounter(const PlainArray& array, const sim::LayerData& data);
  /// Cycles, causes, pairs and actions of a tile, without what array::Envelope adds.
  void count(const map::TileBox& box, sim::Stats& stats) const;

 private:
  std::int64_t effectual(const map::TileBox& box) const;
  std::int64_t matched(const map::TileBox& box) const;

  PlainArray array_;
  const sim::LayerData& data_;
  /// Depthwise: per kernel position, one bit per channel.
  sim::BitPlane weights_;
};

/// Clocked engine: one tile, beat by beat, real values. `weights` is the tile's segment in dense
/// format, [channel][position]; empty without weights. `sums` is [pixel][channel].
void clock_plain(const PlainArray& array, const sim::LayerData& data, const map::TileBox& box,
                 std::span<const std::int16_t> weights, sim::Stats& stats,
                 std::span<std::int64_t> sums);

}  // namespace syncopate::array
