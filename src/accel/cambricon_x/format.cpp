#include "accel/cambricon_x/format.h"

#include <fmt/core.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>

#include "accel/cambricon_x/isa.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/bit_stream.h"
#include "array/patches.h"

namespace syncopate::accel::cambricon_x {
namespace {

using array::ceil_div;

constexpr std::int64_t kColumn = array::kColumn;  ///< Inputs per column of the size table.

/// Calls use(position) for every set bit.
template <class Use>
void for_each_bit(std::span<const std::uint64_t> mask, const Use& use) {
  for (std::size_t w = 0; w < mask.size(); ++w) {
    for (std::uint64_t word = mask[w]; word != 0; word &= word - 1) {
      use(static_cast<std::int64_t>(w) * 64 + std::countr_zero(word));
    }
  }
}

/// Whether at least `reach` (a power of two) zeros lie between two set bits of a word.
bool has_gap(std::uint64_t word, std::int64_t reach) {
  const int first = std::countr_zero(word), last = 63 - std::countl_zero(word);
  if (last - first <= reach) return false;
  const std::uint64_t between = ((1ULL << last) - 1) & ~((1ULL << first) - 1);
  std::uint64_t zeros = ~word & between;
  if (zeros == 0) return false;
  for (std::int64_t length = 1; length < reach; length *= 2) zeros &= zeros >> length;
  return zeros != 0;
}

/// Mask of one output over a segment's positions.
void pack_output(const sim::Weights& weights, const array::Segment& s, std::int64_t out,
                 std::vector<std::uint64_t>& mask) {
  const map::Loops& loops = weights.loops();
  const sim::BitPlane& bits = weights.bits();
  const std::int64_t ins = s.in1 - s.in0, kernel = loops.kernel_size();
  mask.assign(static_cast<std::size_t>(ceil_div(ins * kernel, 64)), 0);
  for (std::int64_t k = 0; k < kernel; ++k) {
    const std::int64_t row = (s.group * loops.outs + out) * kernel + k;
    array::append_bits(bits.data.data() + row * bits.words, s.in0, ins, mask.data(), k * ins);
  }
}

}  // namespace

std::int64_t count_fillers(std::span<const std::uint64_t> mask, std::int64_t reach) {
  const int shift = std::countr_zero(static_cast<std::uint64_t>(reach));
  std::int64_t fillers = 0, next = 0;
  for (std::size_t w = 0; w < mask.size(); ++w) {
    const std::uint64_t word = mask[w];
    if (word == 0) continue;
    const std::int64_t base = static_cast<std::int64_t>(w) * 64;
    if (!has_gap(word, reach)) {  // Only the gap before this word can be long.
      fillers += (base + std::countr_zero(word) - next) >> shift;
      next = base + 64 - std::countl_zero(word);
      continue;
    }
    for (std::uint64_t rest = word; rest != 0; rest &= rest - 1) {
      const std::int64_t position = base + std::countr_zero(rest);
      fillers += (position - next) >> shift;
      next = position + 1;
    }
  }
  return fillers;
}

namespace {

LaneCounts count_lanes(const sim::Weights& weights, std::int64_t block, std::int64_t reach) {
  const map::Loops& loops = weights.loops();
  const sim::BitPlane& bits = weights.bits();
  const std::int64_t kernel = loops.kernel_size();
  LaneCounts counts{loops.outs, ceil_div(loops.ins, block), block, {}};
  counts.lanes.resize(static_cast<std::size_t>(loops.groups * loops.outs * counts.in_blocks));
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, loops.groups * loops.outs, 8), [&](const Range& range) {
    std::vector<std::uint64_t> packed;
    for (std::int64_t out = range.begin(); out != range.end(); ++out) {
      for (std::int64_t b = 0; b < counts.in_blocks; ++b) {
        const array::Segment s{out / loops.outs, 0, 0, b * block,
                               std::min(loops.ins, (b + 1) * block)};
        // Whole words of one kernel position, or of all, are a mask as they lie.
        const std::uint64_t* at = bits.data.data() + out * kernel * bits.words + s.in0 / 64;
        const std::int64_t ins = s.in1 - s.in0;
        std::span<const std::uint64_t> mask(at,
                                            static_cast<std::size_t>(ceil_div(ins * kernel, 64)));
        const bool in_place = s.in0 % 64 == 0 && (ins % 64 == 0 || s.in1 == loops.ins) &&
                              (kernel == 1 || (ins == loops.ins && ins % 64 == 0));
        if (!in_place) {
          pack_output(weights, s, out % loops.outs, packed);
          mask = packed;
        }
        counts.lanes[static_cast<std::size_t>(out * counts.in_blocks + b)] = {
            static_cast<std::int32_t>(array::count_bits(mask.data(), std::ssize(mask))),
            static_cast<std::int32_t>(count_fillers(mask, reach))};
      }
    }
  });
  return counts;
}

}  // namespace

std::shared_ptr<const LaneCounts> lane_counts(const sim::Weights& weights, std::int64_t block,
                                              std::int64_t reach) {
  const std::string key = fmt::format("cambricon_x lanes of {} inputs, reach {}", block, reach);
  return weights.derived<LaneCounts>(key, [&] { return count_lanes(weights, block, reach); });
}

StepFormat::StepFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : weights_(std::move(weights)),
      reach_(config.reach()),
      step_bits_(config.step_bits),
      lanes_(config.lanes),
      lane_groups_(ceil_div(weights_->loops().outs, config.lanes)),
      nonzero_(weights_->loops().groups * lane_groups_, ceil_div(weights_->loops().ins, kColumn)) {
  const map::Loops& loops = weights_->loops();
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t kernel = loops.kernel_size();
  tbb::parallel_for(std::int64_t{0}, loops.groups * lane_groups_, [&](std::int64_t lg) {
    const std::int64_t lane0 = lg % lane_groups_ * lanes_;
    const std::int64_t present = std::min(lanes_, loops.outs - lane0);
    const std::int64_t first = (lg / lane_groups_ * loops.outs + lane0) * kernel;
    std::vector<std::int32_t> found(static_cast<std::size_t>(ceil_div(loops.ins, kColumn)), 0);
    array::count_columns(bits.data.data() + first * bits.words, present * kernel, bits.words,
                         found);
    for (std::size_t column = 0; column < found.size(); ++column) {
      nonzero_.set(lg, static_cast<std::int64_t>(column), found[column]);
    }
  });
  nonzero_.finish();
}

/// For blocks of whole lane groups. Fillers are bounded by the zeros they stand for: they depend on
/// where input blocks end, which the search varies.
map::Footprint StepFormat::footprint() const {
  const auto entries = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                              std::int64_t in0, std::int64_t in1) {
    const map::Loops& loops = weights_->loops();
    const std::int64_t first = group * lane_groups_;
    const std::int64_t stored = nonzero_.sum(first + out0 / lanes_, first + ceil_div(out1, lanes_),
                                             in0 / kColumn, ceil_div(in1, kColumn));
    const std::int64_t zeros = (out1 - out0) * (in1 - in0) * loops.kernel_size() - stored;
    return stored == 0 ? 0 : stored + zeros / reach_;
  };
  map::Footprint footprint;
  footprint.synapse_bytes = [entries](auto... at) { return entries(at...) * 2; };
  footprint.index_bytes = [entries, this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                          std::int64_t in0, std::int64_t in1) {
    return ceil_div(entries(group, out0, out1, in0, in1) * step_bits_ + (out1 - out0) * kCountBits,
                    8);
  };
  return footprint;
}

void StepFormat::set_tiling(const map::Tiling& tiling) {
  counts_ = lane_counts(*weights_, tiling.ins, reach_);
}

array::SegmentBytes StepFormat::bytes(const array::Segment& s) const {
  std::int64_t entries = 0;
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    const LaneCounts::Lane& lane = counts_->at(s.group, out, s.in0);
    entries += lane.pairs + lane.fillers;
  }
  return {entries * 2, ceil_div(entries * step_bits_ + (s.out1 - s.out0) * kCountBits, 8)};
}

void StepFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                        std::span<std::byte> index) const {
  const std::int64_t ins = s.in1 - s.in0;
  array::BitWriter values(synapses), steps(index);
  std::vector<std::uint64_t> mask;
  std::vector<std::int16_t> row(static_cast<std::size_t>(ins * weights_->loops().kernel_size()));
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    pack_output(*weights_, s, out, mask);
    for (std::int64_t k = 0; k < weights_->loops().kernel_size(); ++k) {
      weights_->read(
          s.group * weights_->loops().outs + out, k, s.in0,
          std::span(row).subspan(static_cast<std::size_t>(k * ins), static_cast<std::size_t>(ins)));
    }
    const std::int64_t entries =
        array::count_bits(mask.data(), static_cast<std::int64_t>(mask.size())) +
        count_fillers(mask, reach_);
    steps.put(static_cast<std::uint32_t>(entries), kCountBits);
    std::int64_t next = 0;
    for_each_bit(mask, [&](std::int64_t position) {
      for (; position - next >= reach_; next += reach_) {
        steps.put(static_cast<std::uint32_t>(reach_ - 1), step_bits_);
        values.put(0, 16);
      }
      steps.put(static_cast<std::uint32_t>(position - next), step_bits_);
      values.put(static_cast<std::uint16_t>(row[static_cast<std::size_t>(position)]), 16);
      next = position + 1;
    });
  }
}

void StepFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(isa().encode("steps", {{"bits", step_bits_}}));
}

std::vector<std::vector<Entry>> decode_steps(std::span<const std::byte> synapses,
                                             std::span<const std::byte> index, std::int64_t outputs,
                                             int step_bits) {
  array::BitReader values(synapses), steps(index);
  std::vector<std::vector<Entry>> lanes(static_cast<std::size_t>(outputs));
  for (std::vector<Entry>& lane : lanes) {
    lane.resize(steps.get(kCountBits));
    std::int32_t next = 0;
    for (Entry& entry : lane) {
      entry.position = next + static_cast<std::int32_t>(steps.get(step_bits));
      entry.value = static_cast<std::int16_t>(values.get(16));
      entry.filler = entry.value == 0;
      next = entry.position + 1;
    }
  }
  return lanes;
}

}  // namespace syncopate::accel::cambricon_x
