#include "array/masks.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

#include "array/actions.h"

namespace syncopate::array {

LaneMasks::LaneMasks(const sim::LayerData& data, const map::Tiling& tiling, std::int64_t lanes,
                     const Visit& visit)
    : loops_(data.loops()), tiling_(tiling), lanes_(lanes) {
  lane_groups_ = ceil_div(loops_.outs, lanes);
  in_blocks_ = ceil_div(loops_.ins, tiling.ins);
  entries_ = loops_.groups * lane_groups_ * in_blocks_;
  words_ = ceil_div(std::min(loops_.ins, tiling.ins) * loops_.kernel_size(), 64);
  planes_ = std::bit_width(static_cast<std::uint64_t>(lanes));
  data_.resize(static_cast<std::size_t>(entries_ * planes_ * words_));
  static_cast<void>(data.weight_bits());  // Built here, not inside the loop below.
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, entries_, 16), [&](const Range& range) {
    std::vector<std::uint64_t> rows;
    BitCounter counter;
    for (std::int64_t entry = range.begin(); entry != range.end(); ++entry) {
      build(data, entry, visit, rows, counter);
    }
  });
}

void LaneMasks::build(const sim::LayerData& data, std::int64_t entry, const Visit& visit,
                      std::vector<std::uint64_t>& rows, BitCounter& counter) {
  const sim::BitPlane& plane = data.weight_bits();
  const std::int64_t in0 = entry % in_blocks_ * tiling_.ins;
  const std::int64_t ins = std::min(tiling_.ins, loops_.ins - in0);
  const std::int64_t out0 = entry / in_blocks_ % lane_groups_ * lanes_;
  const std::int64_t outs = std::min(lanes_, loops_.outs - out0);
  const std::int64_t first = entry / in_blocks_ / lane_groups_ * loops_.outs + out0;
  const std::int64_t kernel = loops_.kernel_size();
  rows.assign(static_cast<std::size_t>(outs * words_), 0);
  for (std::int64_t lane = 0; lane < outs; ++lane) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      append_bits(plane.data.data() + ((first + lane) * kernel + k) * plane.words, in0, ins,
                  rows.data() + lane * words_, k * ins);
    }
  }
  counter.reset(words_);
  counter.add(rows.data(), outs);
  std::uint64_t* to = data_.data() + entry * planes_ * words_;
  std::copy_n(counter.plane(0), counter.planes() * words_, to);
  if (visit) visit(entry, rows, words_);
}

void LaneMasks::any_lane(std::int64_t entry, std::span<std::uint64_t> out) const {
  const std::span<const std::uint64_t> planes = lane_counts(entry);
  for (std::size_t w = 0; w < out.size(); ++w) {
    std::uint64_t any = 0;
    for (std::size_t at = w; at < planes.size(); at += out.size()) any |= planes[at];
    out[w] = any;
  }
}

void PixelMasks::load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words) {
  const Patches patches(data, box);
  pixels_ = box.pixels();
  rows_.resize(static_cast<std::size_t>(pixels_ * words));
  counter_.reset(words);
  for (std::int64_t pixel = 0; pixel < pixels_; ++pixel) {
    std::uint64_t* row = rows_.data() + pixel * words;
    patches.bits(pixel, {row, static_cast<std::size_t>(words)});
  }
  counter_.add(rows_.data(), pixels_);
}

void for_each_operand_block(const sim::LayerData& data, const map::Tiling& tiling,
                            std::span<const sim::Tile> tiles, std::int64_t words,
                            const BlockVisit& visit) {
  const map::Loops& loops = data.loops();
  std::array<std::int64_t, 3> blocks;
  for (std::size_t d = 0; d < 3; ++d) blocks[d] = ceil_div(loops.out[d], tiling.block[d]);
  const std::int64_t in_blocks = ceil_div(loops.ins, tiling.ins);
  const auto key = [&](const map::TileBox& box) {
    std::int64_t k = box.batch * loops.groups + box.group;
    for (std::size_t d = 0; d < 3; ++d) k = k * blocks[d] + box.begin[d] / tiling.block[d];
    return static_cast<std::size_t>(k * in_blocks + box.in0 / tiling.ins);
  };
  // Tiles sorted by block, by counting.
  const auto keys = static_cast<std::size_t>(loops.batch * loops.groups * blocks[0] * blocks[1] *
                                             blocks[2] * in_blocks);
  std::vector<std::uint32_t> begin(keys + 1, 0);
  std::vector<std::size_t> key_of(tiles.size());
  for (std::size_t i = 0; i < tiles.size(); ++i) ++begin[(key_of[i] = key(tiles[i].box)) + 1];
  for (std::size_t k = 0; k < keys; ++k) begin[k + 1] += begin[k];
  std::vector<std::uint32_t> order(tiles.size()), at(begin.begin(), begin.end() - 1);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    order[at[key_of[i]]++] = static_cast<std::uint32_t>(i);
  }
  static_cast<void>(data.input_bits());
  using Range = tbb::blocked_range<std::size_t>;
  tbb::parallel_for(Range(0, keys, 4), [&](const Range& range) {
    PixelMasks neurons;
    for (std::size_t k = range.begin(); k != range.end(); ++k) {
      if (begin[k] == begin[k + 1]) continue;
      neurons.load(data, tiles[order[begin[k]]].box, words);
      visit(neurons, {order.data() + begin[k], begin[k + 1] - begin[k]});
    }
  });
}

}  // namespace syncopate::array
