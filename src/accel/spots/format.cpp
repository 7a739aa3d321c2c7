#include "accel/spots/format.h"

#include <algorithm>

#include "accel/spots/isa.h"
#include "array/actions.h"
#include "array/bit_stream.h"
#include "sim/bits.h"

namespace syncopate::accel::spots {

using array::ceil_div;

ColumnFormat::ColumnFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : weights_(std::move(weights)),
      height_(config.height(weights_->loops().outs)),
      pieces_(config.pieces(weights_->loops().outs)) {}

std::int64_t ColumnFormat::filters(const array::Segment& s, std::int64_t out) const {
  return std::min(height_, s.out1 - out);
}

std::span<const std::uint64_t> ColumnFormat::any(const array::Segment& s, std::int64_t out,
                                                 std::int64_t position) const {
  const map::Loops& loops = weights_->loops();
  const std::int64_t group = s.group * ceil_div(loops.outs, height_) + out / height_;
  return weights_->any_bits(height_).row(group * loops.kernel_size() + position);
}

array::SegmentBytes ColumnFormat::bytes(const array::Segment& s) const {
  array::SegmentBytes size;
  const std::int64_t kernel = weights_->loops().kernel_size();
  std::int64_t bits = 0;
  for (std::int64_t out = s.out0; out < s.out1; out += height_) {
    bits += kernel * (s.in1 - s.in0);
    for (std::int64_t k = 0; k < kernel; ++k) {
      size.synapses += 2 * filters(s, out) * sim::count_range(any(s, out, k).data(), s.in0, s.in1);
    }
  }
  size.index = ceil_div(bits, 8);
  return size;
}

map::Footprint ColumnFormat::footprint() const {
  map::Footprint footprint;
  footprint.synapse_bytes = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                   std::int64_t in0, std::int64_t in1) {
    return bytes({group, out0, out1, in0, in1}).synapses;
  };
  footprint.index_bytes = [this](std::int64_t, std::int64_t out0, std::int64_t out1,
                                 std::int64_t in0, std::int64_t in1) {
    return ceil_div(ceil_div(out1 - out0, height_) * (in1 - in0) * weights_->loops().kernel_size(),
                    8);
  };
  return footprint;
}

void ColumnFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                          std::span<std::byte> index) const {
  const map::Loops& loops = weights_->loops();
  array::BitWriter values(synapses), masks(index);
  std::vector<std::vector<std::int16_t>> rows;
  for (std::int64_t out = s.out0; out < s.out1; out += height_) {
    rows.assign(static_cast<std::size_t>(filters(s, out)),
                std::vector<std::int16_t>(static_cast<std::size_t>(s.in1 - s.in0)));
    for (std::int64_t k = 0; k < loops.kernel_size(); ++k) {
      for (std::size_t f = 0; f < rows.size(); ++f) {
        weights_->read(s.group * loops.outs + out + static_cast<std::int64_t>(f), k, s.in0,
                       rows[f]);
      }
      for (std::size_t c = 0; c < rows[0].size(); ++c) {
        const bool used =
            std::any_of(rows.begin(), rows.end(), [c](const auto& row) { return row[c] != 0; });
        masks.put(used, 1);
        if (!used) continue;
        for (const auto& row : rows) values.put(static_cast<std::uint16_t>(row[c]), 16);
      }
    }
  }
}

void ColumnFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(isa().encode("pieces", {{"number", pieces_}}));
}

std::vector<std::int16_t> decode_columns(std::span<const std::byte> synapses,
                                         std::span<const std::byte> index, std::int64_t height,
                                         std::int64_t outputs, std::int64_t positions) {
  array::BitReader values(synapses), masks(index);
  std::vector<std::int16_t> weights(static_cast<std::size_t>(outputs * positions), 0);
  for (std::int64_t out = 0; out < outputs; out += height) {
    const std::int64_t end = std::min(outputs, out + height);
    for (std::int64_t p = 0; p < positions; ++p) {
      if (masks.get(1) == 0) continue;
      for (std::int64_t o = out; o < end; ++o) {
        weights[static_cast<std::size_t>(o * positions + p)] =
            static_cast<std::int16_t>(values.get(16));
      }
    }
  }
  return weights;
}

}  // namespace syncopate::accel::spots
