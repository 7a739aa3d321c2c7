#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "array/bit_counter.h"
#include "array/patches.h"
#include "map/tiling.h"
#include "sim/layer_data.h"
#include "sim/program.h"

// Masks of a convolution in the order of a step's positions (kernel t, h, w, channel within the
// input block), so that matching neurons and weights is AND and popcount.

namespace syncopate::array {

/// Weight masks of a layer under a tiling, one entry per (group, lane group, input block). A lane
/// group is the outputs that the lanes work on together.
class LaneMasks {
 public:
  /// `visit` sees every entry's rows, one per lane present, while they are at hand; it is called
  /// concurrently and may be empty.
  using Visit = std::function<void(std::int64_t entry, std::span<const std::uint64_t> rows,
                                   std::int64_t words)>;
  LaneMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes,
            const Visit& visit = {});

  std::int64_t entries() const { return entries_; }
  std::int64_t entry(std::int64_t group, std::int64_t out0, std::int64_t in0) const {
    return (group * lane_groups_ + out0 / lanes_) * in_blocks_ + in0 / tiling_.ins;
  }
  /// Words of one row: those of a full input block; the tail of a shorter one is zero.
  std::int64_t words() const { return words_; }
  /// In how many lanes a position's weight is not zero, bit-sliced: planes one after another.
  std::span<const std::uint64_t> lane_counts(std::int64_t entry) const {
    return {data_.data() + entry * planes_ * words_, static_cast<std::size_t>(planes_ * words_)};
  }
  /// Positions where any lane has a weight.
  void any_lane(std::int64_t entry, std::span<std::uint64_t> out) const;

 private:
  void build(const sim::LayerData& data, std::int64_t entry, const Visit& visit,
             std::vector<std::uint64_t>& rows, BitCounter& counter);

  map::Loops loops_;
  map::Tiling tiling_;
  std::int64_t lanes_, lane_groups_, in_blocks_, entries_, words_, planes_;
  std::vector<std::uint64_t> data_;
};

/// Neuron masks of the pixels of an operand block, and per position the number of pixels whose
/// neuron is not zero.
class PixelMasks {
 public:
  /// `words`: row length, at least that of the block's positions.
  void load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words);
  std::int64_t pixels() const { return pixels_; }
  const std::uint64_t* rows() const { return rows_.data(); }
  /// Pairs of non-zero neuron and non-zero weight, over all pixels and lanes.
  std::int64_t effectual(std::span<const std::uint64_t> lane_counts) const {
    return dot(counter_.all(), lane_counts, counter_.words());
  }

 private:
  std::int64_t pixels_ = 0;
  std::vector<std::uint64_t> rows_;
  BitCounter counter_;
};

/// Calls `visit` for every set of tiles that read the same neurons (same pixels, same input block),
/// in parallel, with the neurons' masks.
using BlockVisit =
    std::function<void(const PixelMasks& neurons, std::span<const std::uint32_t> tiles)>;
void for_each_operand_block(const sim::LayerData& data, const map::Tiling& tiling,
                            std::span<const sim::Tile> tiles, std::int64_t words,
                            const BlockVisit& visit);

}  // namespace syncopate::array
