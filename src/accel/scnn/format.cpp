#include "accel/scnn/format.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

#include "accel/scnn/isa.h"
#include "array/actions.h"
#include "array/bit_stream.h"

namespace syncopate::accel::scnn {
namespace {

using array::ceil_div;

constexpr int kZeroBits = 4;  ///< Of a zero count [assumed].
constexpr int kReach = 1 << kZeroBits;
constexpr int kCountBits = 20;        ///< Entries of a stream.
constexpr std::int64_t kColumn = 16;  ///< Inputs per column of the size table.

/// Calls use(channel) for the set bits of `row` in [in0, in1), channels counted from in0.
template <class Use>
void for_each_set(const std::uint64_t* row, std::int64_t in0, std::int64_t in1, const Use& use) {
  for (std::int64_t w = in0 / 64; w * 64 < in1; ++w) {
    std::uint64_t word = row[w];
    if (w * 64 < in0) word &= ~std::uint64_t{0} << (in0 % 64);
    if (in1 - w * 64 < 64) word &= (std::uint64_t{1} << (in1 - w * 64)) - 1;
    for (; word != 0; word &= word - 1) use(w * 64 + std::countr_zero(word) - in0);
  }
}

}  // namespace

ZeroCountFormat::ZeroCountFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : weights_(std::move(weights)),
      config_(config),
      rows_(ceil_div(weights_->loops().outs, kOutputGrain)),
      nonzero_(weights_->loops().groups * rows_, ceil_div(weights_->loops().ins, kColumn)) {
  const map::Loops& loops = weights_->loops();
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t kernel = loops.kernel_size();
  tbb::parallel_for(std::int64_t{0}, loops.groups * rows_, [&](std::int64_t row) {
    const std::int64_t out0 = row % rows_ * kOutputGrain;
    const std::int64_t outs = std::min(kOutputGrain, loops.outs - out0);
    const std::int64_t first = (row / rows_ * loops.outs + out0) * kernel;
    std::vector<std::int64_t> found(static_cast<std::size_t>(ceil_div(loops.ins, kColumn)), 0);
    for (std::int64_t r = first; r < first + outs * kernel; ++r) {
      const std::uint64_t* words = bits.data.data() + r * bits.words;
      for (std::size_t column = 0; column < found.size(); ++column) {
        found[column] += std::popcount(words[column / 4] >> (column % 4 * kColumn) & 0xffff);
      }
    }
    for (std::size_t column = 0; column < found.size(); ++column) {
      nonzero_.set(row, static_cast<std::int64_t>(column), found[column]);
    }
  });
  nonzero_.finish();
}

/// Bridges are bounded by the zeros they stand for; streams are those of one group.
map::Footprint ZeroCountFormat::footprint() const {
  const auto entries = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                              std::int64_t in0, std::int64_t in1) {
    const std::int64_t first = group * rows_;
    const std::int64_t stored =
        nonzero_.sum(first + out0 / kOutputGrain, first + ceil_div(out1, kOutputGrain),
                     in0 / kColumn, ceil_div(in1, kColumn));
    const std::int64_t zeros =
        (out1 - out0) * (in1 - in0) * weights_->loops().kernel_size() - stored;
    return stored == 0 ? 0 : stored + zeros / kReach;
  };
  map::Footprint footprint;
  footprint.synapse_bytes = [entries](auto... at) { return entries(at...) * 2; };
  footprint.index_bytes = [entries](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                    std::int64_t in0, std::int64_t in1) {
    return ceil_div(entries(group, out0, out1, in0, in1) * kZeroBits + (in1 - in0) * kCountBits, 8);
  };
  return footprint;
}

void ZeroCountFormat::set_tiling(const map::Tiling& tiling) {
  geometry_.emplace(config_, weights_->loops(), tiling);
}

array::SegmentBytes ZeroCountFormat::bytes(const array::Segment& s) const {
  const sim::BitPlane& bits = weights_->bits();
  const map::Loops& loops = weights_->loops();
  const std::int64_t outs = s.out1 - s.out0, channels = s.in1 - s.in0;
  const std::int64_t kc = geometry_->group_outputs();
  std::int64_t entries = 0;
  std::vector<std::int64_t> next(static_cast<std::size_t>(channels));
  for (std::int64_t out0 = 0; out0 < outs; out0 += kc) {
    for (std::int64_t phase = 0; phase < geometry_->phases(); ++phase) {
      const std::vector<Tap>& taps = geometry_->taps(phase);
      std::fill(next.begin(), next.end(), 0);  // Place behind a channel's last non-zero.
      std::int64_t place = 0;
      for_each_place(config_, std::min(kc, outs - out0), std::ssize(taps),
                     [&](std::int64_t out, std::int64_t tap) {
                       const std::int64_t row =
                           (s.group * loops.outs + s.out0 + out0 + out) * loops.kernel_size() +
                           taps[static_cast<std::size_t>(tap)].position;
                       for_each_set(bits.data.data() + row * bits.words, s.in0, s.in1,
                                    [&](std::int64_t c) {
                                      std::int64_t& behind = next[static_cast<std::size_t>(c)];
                                      entries += 1 + (place - behind) / kReach;
                                      behind = place + 1;
                                    });
                       ++place;
                     });
    }
  }
  const std::int64_t streams = geometry_->groups(outs) * channels * geometry_->phases();
  return {entries * 2, ceil_div(entries * kZeroBits + streams * kCountBits, 8)};
}

void ZeroCountFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                             std::span<std::byte> index) const {
  const map::Loops& loops = weights_->loops();
  const std::int64_t outs = s.out1 - s.out0, channels = s.in1 - s.in0;
  const std::int64_t kc = geometry_->group_outputs(), phases = geometry_->phases();
  array::BitWriter values(synapses), counts(index);
  // What a stream holds: zeros before an entry, and its value.
  std::vector<std::vector<std::array<std::int16_t, 2>>> streams;
  std::vector<std::int64_t> next(static_cast<std::size_t>(channels));
  std::vector<std::int16_t> row(static_cast<std::size_t>(channels));
  for (std::int64_t out0 = 0; out0 < outs; out0 += kc) {
    streams.assign(static_cast<std::size_t>(channels * phases), {});
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      const std::vector<Tap>& taps = geometry_->taps(phase);
      std::fill(next.begin(), next.end(), 0);
      std::int64_t place = 0;
      for_each_place(config_, std::min(kc, outs - out0), std::ssize(taps),
                     [&](std::int64_t out, std::int64_t tap) {
                       weights_->read(s.group * loops.outs + s.out0 + out0 + out,
                                      taps[static_cast<std::size_t>(tap)].position, s.in0, row);
                       for (std::int64_t c = 0; c < channels; ++c) {
                         const std::int16_t value = row[static_cast<std::size_t>(c)];
                         if (value == 0) continue;
                         auto& stream = streams[static_cast<std::size_t>(c * phases + phase)];
                         std::int64_t& behind = next[static_cast<std::size_t>(c)];
                         for (; place - behind >= kReach; behind += kReach)
                           stream.push_back({kReach - 1, 0});
                         stream.push_back({static_cast<std::int16_t>(place - behind), value});
                         behind = place + 1;
                       }
                       ++place;
                     });
    }
    for (const auto& stream : streams) {
      counts.put(static_cast<std::uint32_t>(stream.size()), kCountBits);
      for (const auto& [zeros, value] : stream) {
        counts.put(static_cast<std::uint32_t>(zeros), kZeroBits);
        values.put(static_cast<std::uint16_t>(value), 16);
      }
    }
  }
}

void ZeroCountFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(isa().encode("planes", {{"kc", geometry_->group_outputs()}}));
}

Streams decode_streams(std::span<const std::byte> synapses, std::span<const std::byte> index,
                       const Config& config, const Geometry& geometry, std::int64_t outputs,
                       std::int64_t channels) {
  array::BitReader values(synapses), counts(index);
  Streams streams;
  const std::int64_t kc = geometry.group_outputs();
  for (std::int64_t out0 = 0; out0 < outputs; out0 += kc) {
    const std::int64_t group = std::min(kc, outputs - out0);
    for (std::int64_t stream = 0; stream < channels * geometry.phases(); ++stream) {
      const auto taps = std::ssize(geometry.taps(stream % geometry.phases()));
      std::vector<Entry>& entries = streams.emplace_back();
      std::int64_t place = 0;
      for (std::uint32_t left = counts.get(kCountBits); left > 0; --left, ++place) {
        place += counts.get(kZeroBits);
        const auto value = static_cast<std::int16_t>(values.get(16));
        if (value == 0) continue;  // A bridge over a long gap.
        entries.push_back(config.outputs_inside ? Entry{place % group, place / group, value}
                                                : Entry{place / taps, place % taps, value});
      }
    }
  }
  return streams;
}

}  // namespace syncopate::accel::scnn
