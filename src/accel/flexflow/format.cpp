#include "accel/flexflow/format.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "array/actions.h"
#include "array/bit_stream.h"
#include "array/patches.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

/// Set bits [begin, begin + count) of a row.
std::int64_t count_range(const std::uint64_t* row, std::int64_t begin, std::int64_t count) {
  std::int64_t found = 0;
  for (std::int64_t at = begin; at < begin + count;) {
    const std::int64_t take = std::min(begin + count - at, 64 - at % 64);
    std::uint64_t word = row[at / 64] >> (at % 64);
    if (take < 64) word &= (1ULL << take) - 1;
    found += std::popcount(word);
    at += take;
  }
  return found;
}

}  // namespace

SynapseFormat::SynapseFormat(std::shared_ptr<const sim::Weights> weights, const LayerProgram& layer,
                             bool compress)
    : weights_(std::move(weights)),
      layer_(layer),
      compress_(compress),
      out_grain_(layer.setup.factors.out.maps),
      in_grain_(layer.setup.factors.in.maps),
      out_groups_(ceil_div(weights_->loops().outs, out_grain_)),
      nonzero_(compress ? weights_->loops().groups * out_groups_ : 0,
               compress ? ceil_div(weights_->loops().ins, in_grain_) : 0) {
  if (!compress) return;
  const map::Loops& l = weights_->loops();
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t kernel = l.kernel_size(), columns = ceil_div(l.ins, in_grain_);
  tbb::parallel_for(std::int64_t{0}, l.groups * out_groups_, [&](std::int64_t row) {
    const std::int64_t out0 = row % out_groups_ * out_grain_;
    const std::int64_t first = (row / out_groups_ * l.outs + out0) * kernel;
    const std::int64_t rows = std::min(out_grain_, l.outs - out0) * kernel;
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t in0 = column * in_grain_, ins = std::min(in_grain_, l.ins - in0);
      std::int64_t found = 0;
      for (std::int64_t r = first; r < first + rows; ++r) {
        found += count_range(bits.data.data() + r * bits.words, in0, ins);
      }
      nonzero_.set(row, column, found);
    }
  });
  nonzero_.finish();
}

/// Of a block whose bounds are multiples of the grain or ends of the layer.
std::int64_t SynapseFormat::nonzero(std::int64_t group, std::int64_t out0, std::int64_t out1,
                                    std::int64_t in0, std::int64_t in1) const {
  const std::int64_t first = group * out_groups_;
  return nonzero_.sum(first + out0 / out_grain_, first + ceil_div(out1, out_grain_),
                      in0 / in_grain_, ceil_div(in1, in_grain_));
}

map::Footprint SynapseFormat::footprint() const {
  const std::int64_t kernel = weights_->loops().kernel_size();
  map::Footprint footprint;
  footprint.synapse_bytes = [this, kernel](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                           std::int64_t in0, std::int64_t in1) {
    return 2 * (compress_ ? nonzero(group, out0, out1, in0, in1)
                          : (out1 - out0) * (in1 - in0) * kernel);
  };
  footprint.index_bytes = [this, kernel](std::int64_t, std::int64_t out0, std::int64_t out1,
                                         std::int64_t in0, std::int64_t in1) {
    return compress_ ? ceil_div((out1 - out0) * (in1 - in0) * kernel, 8) : 0;
  };
  return footprint;
}

void SynapseFormat::set_tiling(const map::Tiling& tiling) {
  if (layer_.balanced) order_ = balanced_order(*weights_, tiling, in_grain_);
}

array::SegmentBytes SynapseFormat::bytes(const array::Segment& s) const {
  const std::int64_t count = (s.out1 - s.out0) * (s.in1 - s.in0) * weights_->loops().kernel_size();
  if (!compress_) return {2 * count, 0};
  return {2 * nonzero(s.group, s.out0, s.out1, s.in0, s.in1), ceil_div(count, 8)};
}

void SynapseFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                           std::span<std::byte> index) const {
  const map::Loops& l = weights_->loops();
  array::BitWriter values(synapses), marks(index);
  std::vector<std::int16_t> row(static_cast<std::size_t>(s.in1 - s.in0));
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    for (std::int64_t k = 0; k < l.kernel_size(); ++k) {
      weights_->read(s.group * l.outs + out, k, s.in0, row);
      for (const std::int16_t value : row) {
        if (compress_) marks.put(value != 0, 1);
        if (!compress_ || value != 0) values.put(static_cast<std::uint16_t>(value), 16);
      }
    }
  }
}

std::vector<std::byte> SynapseFormat::table() const {
  const auto bytes = std::as_bytes(std::span(order_));
  return {bytes.begin(), bytes.end()};
}

void SynapseFormat::configure(std::vector<sim::Instruction>& code) const {
  flexflow::encode(layer_, weights_->loops(), code);
}

std::vector<std::int16_t> decode_synapses(std::span<const std::byte> synapses,
                                          std::span<const std::byte> index, std::int64_t count) {
  std::vector<std::int16_t> weights(static_cast<std::size_t>(count), 0);
  array::BitReader values(synapses), marks(index);
  for (std::int16_t& weight : weights) {
    if (index.empty() || marks.get(1) != 0) weight = static_cast<std::int16_t>(values.get(16));
  }
  return weights;
}

ChannelOrder decode_order(std::span<const std::byte> table) {
  ChannelOrder order(table.size() / sizeof(std::int32_t));
  if (!order.empty()) std::memcpy(order.data(), table.data(), order.size() * sizeof order[0]);
  return order;
}

}  // namespace syncopate::accel::flexflow
