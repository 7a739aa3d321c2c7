#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"
#include "sim/stats.h"

// Work without shared inputs (pooling, depthwise convolution, LRN sums, elementwise work), the same
// on every array machine of this family but for how many outputs it takes at a time: each output in
// work takes one neuron a beat from the neuron buffer and uses one multiplier [assumed]. Nothing is
// skipped. Positions in the padding are bubbles, and so are depthwise products with a zero; every
// other operation is work.

namespace syncopate::array {

/// How the outputs of one layer lie over an array. The default is 16 lanes that each own an output
/// channel.
struct ArrayShape {
  std::int64_t multipliers = 256;
  /// Outputs that plain work takes in one beat, beginning at a tile's corner; of `ins`, nothing.
  map::Grain step{16, 1, {1, 1, 1}};
  map::Grain neuron_row{16, 1, {1, 1, 1}};  ///< Outputs whose neurons lie in one row of NBin.
  map::Grain sum_row{16, 1, {1, 1, 1}};     ///< Outputs whose partial sums lie in one row of NBout.
  /// Positions of a window {T, H, W} that one beat takes; each has a multiplier.
  std::array<std::int64_t, 3> taps{1, 1, 1};

  /// Lanes that each own an output channel.
  static ArrayShape lanes(std::int64_t lanes, std::int64_t multipliers);
  /// Beats per output, over its window.
  std::int64_t window_beats(const map::Loops& loops) const;
};
/// Steps, or rows, that hold the outputs of a tile.
std::int64_t covering(const map::Grain& grain, const map::TileBox& box);

/// Counting engine for the tiles of one window or elementwise layer.
class PlainCounter {
 public:
  PlainCounter(const ArrayShape& array, const sim::LayerData& data);
  /// Cycles, causes, pairs and actions of a tile, without what array::Envelope adds.
  void count(const map::TileBox& box, sim::Stats& stats) const;

 private:
  std::int64_t effectual(const map::TileBox& box) const;
  std::int64_t matched(const map::TileBox& box) const;

  ArrayShape array_;
  const sim::LayerData& data_;
  /// Depthwise: per kernel position, one bit per channel.
  sim::BitPlane weights_;
};

/// Clocked engine: one tile, beat by beat, real values. `weights` is the tile's segment in dense
/// format, [channel][position]; empty without weights. `sums` is [pixel][channel].
void clock_plain(const ArrayShape& array, const sim::LayerData& data, const map::TileBox& box,
                 std::span<const std::int16_t> weights, sim::Stats& stats,
                 std::span<std::int64_t> sums);

}  // namespace syncopate::array
