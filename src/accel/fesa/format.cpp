#include "accel/fesa/format.h"

#include <tbb/parallel_for.h>

#include <algorithm>

#include "accel/fesa/isa.h"
#include "array/bit_stream.h"

namespace syncopate::accel::fesa {

using array::ceil_div;

namespace {

constexpr std::int64_t kColumn = 16;  ///< Inputs per column of the size table.

}  // namespace

PatternFormat::PatternFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : weights_(std::move(weights)),
      patterns_(*weights_, config.patterns),
      grain_(config.columns),
      rows_(ceil_div(weights_->loops().outs, grain_)),
      stored_(weights_->loops().groups * rows_, ceil_div(weights_->loops().ins, kColumn)) {
  const map::Loops& loops = weights_->loops();
  tbb::parallel_for(std::int64_t{0}, loops.groups * rows_, [&](std::int64_t row) {
    const std::int64_t out0 = row % rows_ * grain_, out1 = std::min(loops.outs, out0 + grain_);
    for (std::int64_t in0 = 0; in0 < loops.ins; in0 += kColumn) {
      const std::int64_t in1 = std::min(loops.ins, in0 + kColumn);
      stored_.set(row, in0 / kColumn, positions({row / rows_, out0, out1, in0, in1}));
    }
  });
  stored_.finish();
}

std::int64_t PatternFormat::positions(const array::Segment& s) const {
  if (numbers() == 1) return (s.out1 - s.out0) * (s.in1 - s.in0) * patterns_.size(0);
  std::int64_t total = 0;
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    const std::uint8_t* row = patterns_.row(s.group * weights_->loops().outs + out);
    for (std::int64_t in = s.in0; in < s.in1; ++in) total += patterns_.size(row[in]);
  }
  return total;
}

map::Footprint PatternFormat::footprint() const {
  map::Footprint footprint;
  footprint.synapse_bytes = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                   std::int64_t in0, std::int64_t in1) {
    const std::int64_t first = group * rows_;
    return 2 * stored_.sum(first + out0 / grain_, first + ceil_div(out1, grain_), in0 / kColumn,
                           ceil_div(in1, kColumn));
  };
  footprint.index_bytes = [this](std::int64_t, std::int64_t out0, std::int64_t out1,
                                 std::int64_t in0, std::int64_t in1) {
    return ceil_div((out1 - out0) * (in1 - in0) * id_bits(numbers()), 8);
  };
  return footprint;
}

array::SegmentBytes PatternFormat::bytes(const array::Segment& s) const {
  return {2 * positions(s), ceil_div((s.out1 - s.out0) * (s.in1 - s.in0) * id_bits(numbers()), 8)};
}

void PatternFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                           std::span<std::byte> index) const {
  const map::Loops& loops = weights_->loops();
  const std::int64_t kernel = loops.kernel_size(), ins = s.in1 - s.in0;
  array::BitWriter values(synapses), ids(index);
  std::vector<std::vector<std::int16_t>> rows(
      static_cast<std::size_t>(kernel), std::vector<std::int16_t>(static_cast<std::size_t>(ins)));
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    const std::int64_t at = s.group * loops.outs + out;
    for (std::int64_t k = 0; k < kernel; ++k) {
      weights_->read(at, k, s.in0, rows[static_cast<std::size_t>(k)]);
    }
    for (std::int64_t in = 0; in < ins; ++in) {
      const std::int64_t id = patterns_.of(at, s.in0 + in);
      if (numbers() > 1)
        ids.put(static_cast<std::uint32_t>(id), static_cast<int>(id_bits(numbers())));
      for (std::int64_t k = 0; k < kernel; ++k) {
        if (!has(patterns_.all()[static_cast<std::size_t>(id)], k)) continue;
        const std::int16_t value = rows[static_cast<std::size_t>(k)][static_cast<std::size_t>(in)];
        values.put(static_cast<std::uint16_t>(value), 16);
      }
    }
  }
}

std::vector<std::byte> PatternFormat::table() const {
  std::vector<std::byte> table;
  const auto bytes = static_cast<std::size_t>(ceil_div(weights_->loops().kernel_size(), 8));
  for (const Pattern& pattern : patterns_.all()) {
    for (std::size_t b = 0; b < bytes; ++b) {
      table.push_back(static_cast<std::byte>(pattern[b / 8] >> (b % 8 * 8) & 0xff));
    }
  }
  return table;
}

void PatternFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(isa().encode("patterns", {{"number", numbers()}}));
}

Kernels decode_kernels(std::span<const std::byte> synapses, std::span<const std::byte> index,
                       std::span<const std::byte> table, std::int64_t patterns,
                       std::int64_t kernels, std::int64_t kernel_size) {
  Kernels decoded;
  const auto bytes = static_cast<std::size_t>(ceil_div(kernel_size, 8));
  for (std::int64_t p = 0; p < patterns; ++p) {
    Pattern pattern(static_cast<std::size_t>(ceil_div(kernel_size, 64)));
    for (std::size_t b = 0; b < bytes; ++b) {
      const auto byte =
          std::to_integer<std::uint64_t>(table[static_cast<std::size_t>(p) * bytes + b]);
      pattern[b / 8] |= byte << (b % 8 * 8);
    }
    decoded.patterns.push_back(pattern);
  }
  array::BitReader values(synapses), ids(index);
  for (std::int64_t n = 0; n < kernels; ++n) {
    const std::int64_t id =
        patterns > 1 ? static_cast<std::int64_t>(ids.get(static_cast<int>(id_bits(patterns)))) : 0;
    decoded.ids.push_back(id);
    std::vector<std::int16_t>& kernel = decoded.values.emplace_back();
    for (std::int64_t k = 0; k < size_of(decoded.patterns[static_cast<std::size_t>(id)]); ++k) {
      kernel.push_back(static_cast<std::int16_t>(values.get(16)));
    }
  }
  return decoded;
}

}  // namespace syncopate::accel::fesa
