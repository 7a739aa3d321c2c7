#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "array/bit_counter.h"
#include "array/patches.h"
#include "map/tiling.h"
#include "sim/layer_data.h"

// Masks of a convolution in the order of a step's positions (kernel t, h, w, channel within the
// input block), so that matching neurons and weights is AND and popcount.

namespace syncopate::array {

/// Weight masks of one (group, lane group, input block) under a tiling: a row of `words` words per
/// lane present. A lane group is the outputs that lanes work on together.
struct LaneRows {
  std::int64_t entry = 0;      ///< (group * lane groups + lane group) * input blocks + input block.
  std::int64_t positions = 0;  ///< Of a step.
  std::int64_t lanes = 0, words = 0;
  const std::uint64_t* rows = nullptr;
};
/// Calls visit(rows) for all of them, concurrently.
void visit_lane_rows(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes,
                     const std::function<void(const LaneRows&)>& visit);

/// Weight masks of a layer under a tiling, one entry per (group, lane group, input block). A lane
/// group is the outputs that the lanes work on together.
class LaneMasks {
 public:
  LaneMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes);

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
  map::Loops loops_;
  map::Tiling tiling_;
  std::int64_t lanes_, lane_groups_, in_blocks_, entries_, words_, planes_;
  std::vector<std::uint64_t> data_;
};

/// Weight masks of single outputs under a tiling, for machines that look at every output's own.
class OutputMasks {
 public:
  OutputMasks(const sim::LayerData& data, const map::Tiling& tiling);
  /// As of LaneMasks.
  std::int64_t words() const { return words_; }
  /// Masks of an output of a group and of those that follow it, for the input block at in0.
  const std::uint64_t* rows(std::int64_t group, std::int64_t out, std::int64_t in0) const {
    return data_.data() + row(group, out, in0) * words_;
  }
  /// Their numbers of weights that are not zero.
  const std::int32_t* nonzeros(std::int64_t group, std::int64_t out, std::int64_t in0) const {
    return nonzeros_.data() + row(group, out, in0);
  }

 private:
  std::int64_t row(std::int64_t group, std::int64_t out, std::int64_t in0) const {
    return (group * in_blocks_ + in0 / block_) * outs_ + out;
  }
  std::int64_t block_, in_blocks_, outs_, words_;
  std::vector<std::uint64_t> data_;
  std::vector<std::int32_t> nonzeros_;
};

/// Where any output of a lane group has a weight, under a tiling: one mask per (group, lane group,
/// input block), for machines whose lanes share an index.
class SharedMasks {
 public:
  SharedMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes);
  std::int64_t entries() const { return entries_; }
  /// Lane groups of an input block follow each other.
  std::int64_t entry(std::int64_t group, std::int64_t out0, std::int64_t in0) const {
    return (group * in_blocks_ + in0 / block_) * lane_groups_ + out0 / lanes_;
  }
  /// Number of inputs of an entry's block.
  std::int64_t ins(std::int64_t entry) const {
    return std::min(block_, all_ins_ - entry / lane_groups_ % in_blocks_ * block_);
  }
  /// Of a mask: position_words().
  std::int64_t words() const { return words_; }
  const std::uint64_t* mask(std::int64_t entry) const { return data_.data() + entry * words_; }

 private:
  std::int64_t block_, lanes_, all_ins_, lane_groups_, in_blocks_, entries_, words_;
  std::vector<std::uint64_t> data_;
};

/// Neuron masks of the pixels of an operand block (the neurons that some tiles share), made when
/// they are asked for. Used by one thread at a time; the data outlive it. A counter that wants them
/// in another order derives a class of its own (ConvCounter::masks).
class PixelMasks {
 public:
  /// None: zero pixels.
  PixelMasks() = default;
  virtual ~PixelMasks() = default;
  /// `words`: row length, at least that of the block's positions; the tail of rows is zero.
  virtual void load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words);
  std::int64_t pixels() const { return pixels_; }
  /// Row length: ArrayMachine gives that of a full input block.
  std::int64_t words() const { return words_; }
  const std::uint64_t* rows() const {
    if (!has_rows_) make_rows();
    return rows_.data();
  }
  const std::uint64_t* row(std::int64_t pixel) const { return rows() + pixel * words_; }
  /// The same words by column: those of all pixels at one place of the row, then the next place.
  /// Columns are `column_length()` apart, pixels() rounded up to eight; what is beyond is zero.
  const std::uint64_t* columns() const {
    if (!has_columns_) make_columns();
    return columns_.data();
  }
  std::int64_t column_length() const { return (pixels_ + 7) / 8 * 8; }

  /// What a counter makes of these neurons once and uses for every tile that reads them: `make(T&)`
  /// is called by the first to ask after a load. A counter always asks for the same T, whose object
  /// is used again and again.
  template <class T, class Make>
  const T& derived(const Make& make) const {
    if (!derived_) derived_ = std::make_shared<T>();
    T& result = *static_cast<T*>(derived_.get());
    if (!current_) make(result);
    current_ = true;
    return result;
  }

 private:
  void make_rows() const;
  void make_columns() const;

  const sim::LayerData* data_ = nullptr;
  map::TileBox box_;
  std::int64_t pixels_ = 0, words_ = 0;
  mutable std::vector<std::uint64_t> rows_, columns_;
  mutable bool has_rows_ = true, has_columns_ = true;
  mutable std::shared_ptr<void> derived_;
  mutable bool current_ = false;  ///< `derived_` is of these neurons.
};

/// 64-bit words that hold one bit per position of a full input block.
std::int64_t position_words(const map::Loops& loops, const map::Tiling& tiling);

/// Pairs of a non-zero neuron and a non-zero weight in one tile.
std::int64_t effectual_pairs(const sim::LayerData& data, const map::TileBox& box);

}  // namespace syncopate::array
