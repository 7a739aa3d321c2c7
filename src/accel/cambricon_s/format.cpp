#include "accel/cambricon_s/format.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "accel/cambricon_s/isa.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/bit_stream.h"

namespace syncopate::accel::cambricon_s {
namespace {

using array::ceil_div;

constexpr std::int64_t kColumn = array::kColumn;  ///< Inputs per column of the size table.

bool bit_at(const std::uint64_t* row, std::int64_t i) { return (row[i / 64] >> (i % 64) & 1) != 0; }

/// The largest power of two up to `most` for which every aligned block of inputs is all zeros or
/// all ones.
std::int64_t uniform(const std::uint64_t* row, std::int64_t ins, std::int64_t most) {
  for (std::int64_t at = 0; at < ins && most > 1; at += 64) {
    std::uint64_t word = row[at / 64];
    if (word == 0 || word == ~0ULL) continue;
    const std::int64_t valid = ins - at;
    if (valid < 64 && (word >> (valid - 1) & 1) != 0) word |= ~0ULL << valid;  // Fill the last one.
    // Blocks of a size are uniform if those of half the size are and both halves begin alike.
    for (std::int64_t size = 2; size <= most; size *= 2) {
      const std::uint64_t begins = ~0ULL / ((1ULL << size) - 1);
      if (((word ^ word >> (size / 2)) & begins) != 0) most = size / 2;
    }
  }
  return most;
}

}  // namespace

BlockFormat::BlockFormat(std::shared_ptr<const sim::Weights> weights, const Config& config)
    : weights_(std::move(weights)),
      lanes_(config.lanes),
      lane_groups_(ceil_div(weights_->loops().outs, config.lanes)),
      shared_(&weights_->any_bits(config.lanes)),
      stored_(weights_->loops().groups * lane_groups_, ceil_div(weights_->loops().ins, kColumn)) {
  tabulate();
  choose_block();
  choose_codebook(config);
}

/// Tabulates how many synapses each lane group stores.
void BlockFormat::tabulate() {
  const map::Loops& loops = weights_->loops();
  const std::int64_t kernel = loops.kernel_size();
  tbb::parallel_for(std::int64_t{0}, loops.groups * lane_groups_, [&](std::int64_t lg) {
    const std::int64_t present = std::min(lanes_, loops.outs - lg % lane_groups_ * lanes_);
    std::vector<std::int32_t> marked(static_cast<std::size_t>(ceil_div(loops.ins, kColumn)), 0);
    array::count_columns(shared(lg, 0), kernel, shared_->words, marked);
    for (std::size_t column = 0; column < marked.size(); ++column) {
      stored_.set(lg, static_cast<std::int64_t>(column), marked[column] * present);
    }
  });
  stored_.finish();
}

void BlockFormat::choose_block() {
  code_.block = 32;
  for (std::int64_t row = 0; row < shared_->rows && code_.block > 1; ++row) {
    code_.block = uniform(shared_->row(row).data(), weights_->loops().ins, code_.block);
  }
}

void BlockFormat::choose_codebook(const Config& config) {
  const sim::BitPlane& bits = weights_->bits();
  const std::int64_t nonzero = array::count_bits(bits.data.data(), bits.rows * bits.words);
  if (!config.codebook || nonzero == 0) return;
  const std::span<const std::int16_t> distinct = weights_->distinct();
  if (distinct.empty()) return;  // More than 256.
  std::vector<std::int16_t> values(distinct.begin(), distinct.end());
  const std::int64_t stored = stored_.sum(0, weights_->loops().groups * lane_groups_, 0,
                                          ceil_div(weights_->loops().ins, kColumn));
  if (stored > nonzero) {  // Zeros under a shared index need a code too.
    values.insert(std::lower_bound(values.begin(), values.end(), 0), std::int16_t{0});
  }
  if (static_cast<std::int64_t>(values.size()) > config.lut_entries) return;
  code_.bits = values.size() <= 16 ? 4 : 8;
  code_.codebook = std::move(values);
}

map::Footprint BlockFormat::footprint() const {
  map::Footprint footprint;
  footprint.synapse_bytes = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                   std::int64_t in0, std::int64_t in1) {
    return synapse_bytes({group, out0, out1, in0, in1});
  };
  footprint.index_bytes = [this](std::int64_t group, std::int64_t out0, std::int64_t out1,
                                 std::int64_t in0, std::int64_t in1) {
    return index_bytes({group, out0, out1, in0, in1});
  };
  return footprint;
}

std::int64_t BlockFormat::synapse_bytes(const array::Segment& s) const {
  const std::int64_t stored =
      stored_.sum(lane_group(s.group, s.out0), s.group * lane_groups_ + ceil_div(s.out1, lanes_),
                  s.in0 / kColumn, ceil_div(s.in1, kColumn));
  return ceil_div(stored * code_.bits, 8);
}

std::int64_t BlockFormat::index_bytes(const array::Segment& s) const {
  const std::int64_t rows = ceil_div(s.out1 - s.out0, lanes_) * weights_->loops().kernel_size();
  return ceil_div(rows * index_blocks(code_.block, s.in0, s.in1), 8);
}

array::SegmentBytes BlockFormat::bytes(const array::Segment& s) const {
  return {synapse_bytes(s), index_bytes(s)};
}

void BlockFormat::encode(const array::Segment& s, std::span<std::byte> synapses,
                         std::span<std::byte> index) const {
  encode_index(s, index);
  if (code_.codebook.empty()) {
    encode_values(s, synapses);
  } else {
    encode_codes(s, synapses);
  }
}

void BlockFormat::encode_index(const array::Segment& s, std::span<std::byte> index) const {
  array::BitWriter bits(index);
  const std::int64_t first = s.in0 / code_.block;
  for (std::int64_t out0 = s.out0; out0 < s.out1; out0 += lanes_) {
    for (std::int64_t k = 0; k < weights_->loops().kernel_size(); ++k) {
      const std::uint64_t* marked = shared(lane_group(s.group, out0), k);
      for (std::int64_t b = 0; b < index_blocks(code_.block, s.in0, s.in1); ++b) {
        bits.put(bit_at(marked, (first + b) * code_.block), 1);
      }
    }
  }
}

void BlockFormat::collect(const array::Segment& s, std::int64_t out, std::int64_t position,
                          std::vector<std::int16_t>& scratch,
                          std::vector<std::int16_t>& values) const {
  scratch.resize(static_cast<std::size_t>(s.in1 - s.in0));
  weights_->read(s.group * weights_->loops().outs + out, position, s.in0, scratch);
  const std::uint64_t* marked = shared(lane_group(s.group, out / lanes_ * lanes_), position);
  const std::size_t before = values.size();
  values.resize(before + scratch.size());
  std::int16_t* to = values.data() + before;
  for (std::size_t i = 0; i < scratch.size(); ++i) {
    // Written in any case, kept if marked: marks are as good as random.
    *to = scratch[i];
    to += bit_at(marked, s.in0 + static_cast<std::int64_t>(i));
  }
  values.resize(static_cast<std::size_t>(to - values.data()));
}

/// 16-bit values lie as they are.
void BlockFormat::encode_values(const array::Segment& s, std::span<std::byte> synapses) const {
  std::vector<std::int16_t> scratch, values;
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    values.clear();
    for (std::int64_t k = 0; k < weights_->loops().kernel_size(); ++k) {
      collect(s, out, k, scratch, values);
    }
    if (!values.empty()) std::memcpy(synapses.data(), values.data(), values.size() * 2);
    synapses = synapses.subspan(values.size() * 2);
  }
}

void BlockFormat::encode_codes(const array::Segment& s, std::span<std::byte> synapses) const {
  array::BitWriter bits(synapses);
  std::vector<std::int16_t> scratch, values;
  for (std::int64_t out = s.out0; out < s.out1; ++out) {
    values.clear();
    for (std::int64_t k = 0; k < weights_->loops().kernel_size(); ++k) {
      collect(s, out, k, scratch, values);
    }
    for (const std::int16_t value : values) {
      const auto found = std::lower_bound(code_.codebook.begin(), code_.codebook.end(), value);
      bits.put(static_cast<std::uint32_t>(found - code_.codebook.begin()), code_.bits);
    }
  }
}

std::vector<std::byte> BlockFormat::table() const {
  std::vector<std::byte> bytes(code_.codebook.size() * 2);
  if (!bytes.empty()) std::memcpy(bytes.data(), code_.codebook.data(), bytes.size());
  return bytes;
}

void BlockFormat::configure(std::vector<sim::Instruction>& code) const {
  code.push_back(
      isa().encode("synapses", {{"bits", code_.bits},
                                {"block", code_.block},
                                {"entries", static_cast<std::int64_t>(code_.codebook.size())}}));
}

}  // namespace syncopate::accel::cambricon_s
