#include "array/masks.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

#include "array/actions.h"
#include "array/window_bits.h"

namespace syncopate::array {
namespace {

/// Masks of the weights of outputs [out0, out1) of a group over the positions of inputs [in0, in1),
/// one row of `words` words per output.
void pack_outputs(const sim::LayerData& data, std::int64_t group, std::int64_t out0,
                  std::int64_t out1, std::int64_t in0, std::int64_t in1, std::int64_t words,
                  std::vector<std::uint64_t>& rows) {
  const sim::BitPlane& plane = data.weight_bits();
  const std::int64_t kernel = data.loops().kernel_size(), ins = in1 - in0;
  const std::int64_t first = group * data.loops().outs;
  rows.assign(static_cast<std::size_t>((out1 - out0) * words), 0);
  for (std::int64_t out = out0; out < out1; ++out) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      append_bits(plane.data.data() + ((first + out) * kernel + k) * plane.words, in0, ins,
                  rows.data() + (out - out0) * words, k * ins);
    }
  }
}

}  // namespace

void visit_lane_rows(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes,
                     const std::function<void(const LaneRows&)>& visit) {
  const map::Loops& loops = data.loops();
  const std::int64_t lane_groups = ceil_div(loops.outs, lanes);
  const std::int64_t in_blocks = ceil_div(loops.ins, tiling.ins);
  static_cast<void>(data.weight_bits());  // Built here, not inside the loop below.
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, loops.groups * lane_groups * in_blocks, 16), [&](const Range& range) {
    std::vector<std::uint64_t> rows;
    LaneRows masks;
    masks.words = position_words(loops, tiling);
    for (masks.entry = range.begin(); masks.entry != range.end(); ++masks.entry) {
      const std::int64_t in0 = masks.entry % in_blocks * tiling.ins;
      const std::int64_t in1 = std::min(loops.ins, in0 + tiling.ins);
      const std::int64_t out0 = masks.entry / in_blocks % lane_groups * lanes;
      masks.lanes = std::min(lanes, loops.outs - out0);
      masks.positions = (in1 - in0) * loops.kernel_size();
      pack_outputs(data, masks.entry / in_blocks / lane_groups, out0, out0 + masks.lanes, in0, in1,
                   masks.words, rows);
      masks.rows = rows.data();
      visit(masks);
    }
  });
}

LaneMasks::LaneMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes)
    : loops_(data.loops()), tiling_(tiling), lanes_(lanes) {
  lane_groups_ = ceil_div(loops_.outs, lanes);
  in_blocks_ = ceil_div(loops_.ins, tiling.ins);
  entries_ = loops_.groups * lane_groups_ * in_blocks_;
  words_ = position_words(loops_, tiling);
  planes_ = std::bit_width(static_cast<std::uint64_t>(lanes));
  data_.resize(static_cast<std::size_t>(entries_ * planes_ * words_));
  visit_lane_rows(data, tiling, lanes, [&](const LaneRows& masks) {
    thread_local BitCounter counter;
    counter.reset(words_);
    counter.add(masks.rows, masks.lanes);
    std::uint64_t* to = data_.data() + masks.entry * planes_ * words_;
    std::copy_n(counter.plane(0), counter.planes() * words_, to);
  });
}

void LaneMasks::any_lane(std::int64_t entry, std::span<std::uint64_t> out) const {
  const std::span<const std::uint64_t> planes = lane_counts(entry);
  for (std::size_t w = 0; w < out.size(); ++w) {
    std::uint64_t any = 0;
    for (std::size_t at = w; at < planes.size(); at += out.size()) any |= planes[at];
    out[w] = any;
  }
}

OutputMasks::OutputMasks(const sim::LayerData& data, const map::Tiling& tiling)
    : block_(tiling.ins), outs_(data.loops().outs), words_(position_words(data.loops(), tiling)) {
  const map::Loops& loops = data.loops();
  const std::int64_t kernel = loops.kernel_size();
  in_blocks_ = ceil_div(loops.ins, block_);
  const std::int64_t rows = loops.groups * in_blocks_ * outs_;
  data_.assign(static_cast<std::size_t>(rows * words_), 0);
  nonzeros_.resize(static_cast<std::size_t>(rows));
  const sim::BitPlane& plane = data.weight_bits();
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, rows, 256), [&](const Range& range) {
    for (std::int64_t r = range.begin(); r != range.end(); ++r) {
      const std::int64_t in0 = r / outs_ % in_blocks_ * block_;
      const std::int64_t ins = std::min(block_, loops.ins - in0);
      const std::int64_t out = r / outs_ / in_blocks_ * outs_ + r % outs_;
      const std::uint64_t* from = plane.data.data() + out * kernel * plane.words;
      std::uint64_t* to = data_.data() + r * words_;
      for (std::int64_t k = 0; k < kernel; ++k) {
        append_bits(from + k * plane.words, in0, ins, to, k * ins);
      }
      nonzeros_[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(count_bits(to, words_));
    }
  });
}

SharedMasks::SharedMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes)
    : block_(tiling.ins), lanes_(lanes), all_ins_(data.loops().ins) {
  const map::Loops& loops = data.loops();
  const std::int64_t kernel = loops.kernel_size();
  lane_groups_ = ceil_div(loops.outs, lanes);
  in_blocks_ = ceil_div(loops.ins, tiling.ins);
  entries_ = loops.groups * lane_groups_ * in_blocks_;
  words_ = position_words(loops, tiling);
  data_.assign(static_cast<std::size_t>(entries_ * words_), 0);
  const sim::BitPlane& any = data.constant().any_bits(lanes);
  using Range = tbb::blocked_range<std::int64_t>;
  const std::int64_t grain = std::max<std::int64_t>(1, 256 / lane_groups_);
  tbb::parallel_for(Range(0, loops.groups * in_blocks_, grain), [&](const Range& range) {
    for (std::int64_t block = range.begin(); block != range.end(); ++block) {
      const std::int64_t group = block / in_blocks_, in0 = block % in_blocks_ * block_;
      const std::int64_t ins = std::min(block_, loops.ins - in0);
      std::uint64_t* to = data_.data() + block * lane_groups_ * words_;
      for (std::int64_t lg = 0; lg < lane_groups_; ++lg, to += words_) {
        const std::uint64_t* from = any.row((group * lane_groups_ + lg) * kernel).data();
        for (std::int64_t k = 0; k < kernel; ++k) {
          append_bits(from + k * any.words, in0, ins, to, k * ins);
        }
      }
    }
  });
}

void PixelMasks::load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words) {
  data_ = &data;
  box_ = box;
  pixels_ = box.pixels();
  words_ = words;
  has_rows_ = has_columns_ = current_ = false;
}

void PixelMasks::make_rows() const {
  window_bits(*data_, box_, words_, rows_);
  has_rows_ = true;
}

void PixelMasks::make_columns() const {
  const std::int64_t length = column_length();
  columns_.resize(static_cast<std::size_t>(length * words_));
  has_columns_ = true;
  if (window_columns(*data_, box_, words_, length, columns_)) return;
  const std::uint64_t* from = rows();
  for (std::int64_t w = 0; w < words_; ++w) {
    std::uint64_t* column = columns_.data() + w * length;
    for (std::int64_t p = 0; p < pixels_; ++p) column[p] = from[p * words_ + w];
    std::fill(column + pixels_, column + length, 0);
  }
}

std::int64_t position_words(const map::Loops& loops, const map::Tiling& tiling) {
  return ceil_div(std::min(loops.ins, tiling.ins) * loops.kernel_size(), 64);
}

std::int64_t effectual_pairs(const sim::LayerData& data, const map::TileBox& box) {
  const std::int64_t words = ceil_div((box.in1 - box.in0) * data.loops().kernel_size(), 64);
  thread_local PixelMasks neurons;
  thread_local std::vector<std::uint64_t> weights;
  thread_local BitCounter pixels, outputs;
  neurons.load(data, box, words);
  pixels.reset(words);
  pixels.add(neurons.rows(), neurons.pixels());
  pack_outputs(data, box.group, box.out0, box.out1, box.in0, box.in1, words, weights);
  outputs.reset(words);
  outputs.add(weights.data(), box.out1 - box.out0);
  return dot(pixels.all(), outputs.all(), words);
}

}  // namespace syncopate::array
