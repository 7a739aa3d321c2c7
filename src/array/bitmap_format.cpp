#include "array/bitmap_format.h"

#include <tbb/parallel_for.h>

#include <algorithm>

#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/bit_stream.h"
#include "sim/bits.h"

namespace syncopate::array {
namespace {

std::int64_t positions_of(const map::Loops& loops, const Segment& s) {
  return (s.in1 - s.in0) * loops.kernel_size();
}

}  // namespace

BitmapFormat::BitmapFormat(std::shared_ptr<const sim::Weights> weights, std::int64_t grain)
    : weights_(std::move(weights)),
      grain_(grain),
      rows_(ceil_div(weights_->loops().outs, grain)),
      nonzero_(weights_->loops().groups * rows_, ceil_div(weights_->loops().ins, kColumn)) {
  const map::Loops& loops = weights_->loops();
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t kernel = loops.kernel_size();
  tbb::parallel_for(std::int64_t{0}, loops.groups * rows_, [&](std::int64_t row) {
    const std::int64_t out0 = row % rows_ * grain_;
    const std::int64_t outs = std::min(grain_, loops.outs - out0);
    const std::int64_t first = (row / rows_ * loops.outs + out0) * kernel;
    std::vector<std::int32_t> found(static_cast<std::size_t>(ceil_div(loops.ins, kColumn)), 0);
    count_columns(bits.data.data() + first * bits.words, outs * kernel, bits.words, found);
    for (std::size_t column = 0; column < found.size(); ++column) {
      nonzero_.set(row, static_cast<std::int64_t>(column), found[column]);
    }
  });
  nonzero_.finish();
}

map::Footprint BitmapFormat::footprint() const {
  map::Footprint footprint;
  footprint.synapse_bytes = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                   std::int64_t in0, std::int64_t in1) {
    const std::int64_t first = group * rows_;
    return 2 * nonzero_.sum(first + out0 / grain_, first + ceil_div(out1, grain_), in0 / kColumn,
                            ceil_div(in1, kColumn));
  };
  footprint.index_bytes = [this](std::int64_t, std::int64_t out0, std::int64_t out1,
                                 std::int64_t in0, std::int64_t in1) {
    return ceil_div((out1 - out0) * (in1 - in0) * weights_->loops().kernel_size(), 8);
  };
  return footprint;
}

std::int64_t BitmapFormat::nonzero(const Segment& s, std::int64_t out) const {
  const map::Loops& loops = weights_->loops();
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t first = (s.group * loops.outs + out) * loops.kernel_size();
  std::int64_t found = 0;
  for (std::int64_t row = first; row < first + loops.kernel_size(); ++row) {
    const std::uint64_t* words = bits.data.data() + row * bits.words;
    found += s.in0 == 0 && s.in1 == loops.ins ? sim::count_bits(words, bits.words)
                                              : sim::count_range(words, s.in0, s.in1);
  }
  return found;
}

SegmentBytes BitmapFormat::bytes(const Segment& s) const {
  const map::Loops& loops = weights_->loops();
  const auto cuts = [](std::int64_t at, std::int64_t grain, std::int64_t end) {
    return at % grain != 0 && at != end;
  };
  std::int64_t found = 0;
  if (cuts(s.out0, grain_, 0) || cuts(s.out1, grain_, loops.outs) || cuts(s.in0, kColumn, 0) ||
      cuts(s.in1, kColumn, loops.ins)) {
    for (std::int64_t out = s.out0; out < s.out1; ++out) found += nonzero(s, out);
  } else {  // Whole blocks, as tilings make them.
    const std::int64_t first = s.group * rows_;
    found = nonzero_.sum(first + s.out0 / grain_, first + ceil_div(s.out1, grain_), s.in0 / kColumn,
                         ceil_div(s.in1, kColumn));
  }
  return {found * 2, ceil_div((s.out1 - s.out0) * positions_of(loops, s), 8)};
}

void BitmapFormat::encode(const Segment& s, std::span<std::byte> synapses,
                          std::span<std::byte> index) const {
  const map::Loops& loops = weights_->loops();
  BitWriter values(synapses), masks(index);
  std::vector<std::int16_t> row(static_cast<std::size_t>(s.in1 - s.in0));
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    for (std::int64_t k = 0; k < loops.kernel_size(); ++k) {
      weights_->read(s.group * loops.outs + out, k, s.in0, row);
      for (const std::int16_t value : row) {
        masks.put(value != 0, 1);
        if (value != 0) values.put(static_cast<std::uint16_t>(value), 16);
      }
    }
  }
}

std::vector<std::int16_t> decode_bitmap(std::span<const std::byte> synapses,
                                        std::span<const std::byte> index, std::int64_t outputs,
                                        std::int64_t positions) {
  BitReader values(synapses), masks(index);
  std::vector<std::int16_t> weights(static_cast<std::size_t>(outputs * positions), 0);
  for (std::int16_t& weight : weights) {
    if (masks.get(1) != 0) weight = static_cast<std::int16_t>(values.get(16));
  }
  return weights;
}

}  // namespace syncopate::array
