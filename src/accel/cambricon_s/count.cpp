#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "accel/cambricon_s/engine.h"
#include "accel/cambricon_s/format.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"
#include "base/simd.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined upper halves inside its own intrinsics for our mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace syncopate::accel::cambricon_s {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

constexpr std::int64_t kRowBits = 256;  ///< Of SIB and of a lane's SB.

/// The shared index of one (lane group, input block), but for its mask.
struct SharedIndex {
  std::int32_t marked = 0;        ///< Positions.
  std::int32_t floor = 0;         ///< Cycles that a step takes at least (fifo).
  std::int32_t synapse_rows = 0;  ///< Of a lane's SB, read in a step.
};

/// What the steps of a tile come to, over all pixels and lane groups.
struct Cost {
  std::int64_t selected = 0;  ///< Sum of f,
  std::int64_t issued = 0;    ///< times lanes present.
  std::int64_t issuing = 0;   ///< Cycles in which PEFU works.
  std::int64_t cycles = 0;
};

/// The steps of a tile: a step is a pixel under the index of a lane group.
struct Steps {
  const std::uint64_t* columns = nullptr;  ///< array::PixelMasks
  std::int64_t length = 0;                 ///< Of a column.
  std::int64_t pixels = 0, words = 0;
  const std::uint64_t* masks = nullptr;  ///< Of the lane groups, one after another.
  const SharedIndex* index = nullptr;
  std::int64_t groups = 0;
  std::int64_t lanes = 0, last_lanes = 0;  ///< Present in a group, and in the last one.
};

static_assert(Config::width == 16);

/// One lane group, eight pixels at a time; those beyond the last select nothing.
inline __attribute__((always_inline)) Cost add_group(const Steps& s, const std::uint64_t* mask,
                                                     std::int64_t floor) {
  std::int64_t selected = 0, issuing = 0, cycles = 0;
  for (std::int64_t p = 0; p < s.length; p += 8) {
    std::int64_t found[8] = {};
    for (std::int64_t w = 0; w < s.words; ++w) {
      const std::uint64_t* column = s.columns + w * s.length + p;
      for (int i = 0; i < 8; ++i) found[i] += std::popcount(column[i] & mask[w]);
    }
    for (int i = 0; i < 8; ++i) {
      const std::int64_t rows = (found[i] + 15) >> 4;
      selected += found[i];
      issuing += rows;
      cycles += rows > floor ? rows : floor;
    }
  }
  return {selected, 0, issuing, cycles - (s.length - s.pixels) * floor};
}

/// The same for a single pixel, as fully connected layers have.
inline __attribute__((always_inline)) Cost add_one(const Steps& s, const std::uint64_t* mask,
                                                   std::int64_t floor) {
  std::int64_t found = 0;
  for (std::int64_t w = 0; w < s.words; ++w) {
    found += std::popcount(s.columns[w * s.length] & mask[w]);
  }
  const std::int64_t rows = (found + 15) >> 4;
  return {found, 0, rows, rows > floor ? rows : floor};
}

template <class Group>
inline __attribute__((always_inline)) Cost add_up(const Steps& s, const Group& add_group_of) {
  Cost total;
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::uint64_t* mask = s.masks + g * s.words;
    const Cost cost = s.pixels == 1 ? add_one(s, mask, s.index[g].floor)
                                    : add_group_of(s, mask, s.index[g].floor);
    total.selected += cost.selected;
    total.issued += cost.selected * (g + 1 < s.groups ? s.lanes : s.last_lanes);
    total.issuing += cost.issuing;
    total.cycles += cost.cycles;
  }
  return total;
}

SYNCOPATE_MULTIVERSION Cost add_up_anywhere(const Steps& s) { return add_up(s, add_group); }

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vpopcntdq")

std::int64_t sum_of(__m512i values) {
  std::array<std::int64_t, 8> lanes;
  _mm512_storeu_si512(lanes.data(), values);
  return std::accumulate(lanes.begin(), lanes.end(), std::int64_t{0});
}

/// add_group where the CPU counts the bits of whole registers.
Cost add_group_wide(const Steps& s, const std::uint64_t* mask, std::int64_t floor) {
  __m512i selected = _mm512_setzero_si512(), issuing = selected, cycles = selected;
  const __m512i least = _mm512_set1_epi64(floor), round_up = _mm512_set1_epi64(15);
  for (std::int64_t p = 0; p < s.length; p += 8) {
    __m512i found = _mm512_setzero_si512();
    for (std::int64_t w = 0; w < s.words; ++w) {
      const __m512i column = _mm512_loadu_si512(s.columns + w * s.length + p);
      const __m512i both =
          _mm512_and_si512(column, _mm512_set1_epi64(static_cast<std::int64_t>(mask[w])));
      found = _mm512_add_epi64(found, _mm512_popcnt_epi64(both));
    }
    const __m512i rows = _mm512_srli_epi64(_mm512_add_epi64(found, round_up), 4);
    selected = _mm512_add_epi64(selected, found);
    issuing = _mm512_add_epi64(issuing, rows);
    cycles = _mm512_add_epi64(cycles, _mm512_max_epi64(rows, least));
  }
  return {sum_of(selected), 0, sum_of(issuing), sum_of(cycles) - (s.length - s.pixels) * floor};
}

Cost add_up_wide(const Steps& s) { return add_up(s, add_group_wide); }

SYNCOPATE_TARGET_END

bool has_wide() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vpopcntdq") != 0;
}
#else
Cost add_up_wide(const Steps& s) { return add_up(s, add_group); }
bool has_wide() { return false; }
#endif

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer);
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;
  /// The selection is all there is about neurons.
  bool uses_neurons() const override { return config_.skip_neurons; }
  bool uses_place() const override { return config_.skip_neurons; }

 private:
  SharedIndex measure(std::int64_t entry) const;
  Cost fifo(const array::PixelMasks& neurons, Steps steps) const;
  Cost window(const array::PixelMasks& neurons, const Steps& steps, std::int64_t positions) const;
  void book(const Cost& cost, const Steps& steps, const map::TileBox& box, std::int64_t positions,
            sim::Stats& stats) const;

  const Config& config_;
  const array::DecodedLayer& layer_;
  array::SharedMasks masks_;
  SynapseLayout layout_;
  std::vector<SharedIndex> index_;  ///< Per entry of the masks.
};

Counter::Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
    : config_(config),
      layer_(layer),
      masks_(data, layer.tiling, config.lanes),
      layout_(layer),
      index_(static_cast<std::size_t>(masks_.entries())) {
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, masks_.entries(), 1024), [&](const Range& range) {
    for (std::int64_t e = range.begin(); e != range.end(); ++e) {
      index_[static_cast<std::size_t>(e)] = measure(e);
    }
  });
}

SharedIndex Counter::measure(std::int64_t entry) const {
  const std::int64_t positions = masks_.ins(entry) * layer_.loops.kernel_size();
  const std::int64_t marked = array::count_bits(masks_.mask(entry), masks_.words());
  const std::int64_t floor = std::max(ceil_div(positions, config_.neuron_window),
                                      ceil_div(marked, config_.synapse_window));
  return {static_cast<std::int32_t>(marked), static_cast<std::int32_t>(floor),
          static_cast<std::int32_t>(ceil_div(marked * layout_.bits, kRowBits))};
}

Cost Counter::fifo(const array::PixelMasks& neurons, Steps steps) const {
  if (config_.skip_neurons) {
    static const bool wide = has_wide();
    steps.columns = neurons.columns();
    steps.length = neurons.column_length();
    return wide ? add_up_wide(steps) : add_up_anywhere(steps);
  }
  Cost cost;
  for (std::int64_t g = 0; g < steps.groups; ++g) {
    const std::int64_t marked = steps.index[g].marked, rows = ceil_div(marked, config_.width);
    cost.selected += steps.pixels * marked;
    cost.issued += steps.pixels * marked * (g + 1 < steps.groups ? steps.lanes : steps.last_lanes);
    cost.issuing += steps.pixels * rows;
    cost.cycles += steps.pixels * std::max<std::int64_t>(rows, steps.index[g].floor);
  }
  return cost;
}

/// Windows of positions take their cycles one by one.
Cost Counter::window(const array::PixelMasks& neurons, const Steps& steps,
                     std::int64_t positions) const {
  Cost cost;
  const std::int64_t windows = ceil_div(positions, config_.neuron_window);
  const std::int64_t window_words = config_.neuron_window / 64;
  for (std::int64_t i = 0; i < steps.groups * steps.pixels * windows; ++i) {
    const std::int64_t at = i % windows * window_words, g = i / windows / steps.pixels;
    const std::int64_t words = std::min(window_words, steps.words - at);
    const std::uint64_t* mask = steps.masks + g * steps.words + at;
    const std::int64_t marked = array::count_bits(mask, words);
    std::int32_t f = static_cast<std::int32_t>(marked);
    if (config_.skip_neurons) {
      array::count_matches(neurons.row(i / windows % steps.pixels) + at, 1, mask, words, &f);
    }
    const std::int64_t rows = ceil_div(f, config_.width);
    cost.selected += f;
    cost.issued += f * (g + 1 < steps.groups ? steps.lanes : steps.last_lanes);
    cost.issuing += rows;
    cost.cycles += std::max({std::int64_t{1}, rows, ceil_div(marked, config_.synapse_window)});
  }
  return cost;
}

void Counter::book(const Cost& cost, const Steps& steps, const map::TileBox& box,
                   std::int64_t positions, sim::Stats& stats) const {
  const std::int64_t multipliers = config_.lanes * config_.width, pixels = steps.pixels;
  stats.cycles += cost.cycles;
  stats.pairs_issued += cost.issued;
  stats[sim::Cause::work] += cost.issued;
  stats[sim::Cause::underfill] += cost.issuing * multipliers - cost.issued;
  stats[sim::Cause::index] += (cost.cycles - cost.issuing) * multipliers;
  std::int64_t synapse_rows = 0, marked = 0;
  for (std::int64_t g = 0; g < steps.groups; ++g) {
    const std::int64_t lanes = g + 1 < steps.groups ? steps.lanes : steps.last_lanes;
    synapse_rows += lanes * steps.index[g].synapse_rows;
    marked += lanes * steps.index[g].marked;
  }
  const std::int64_t count = pixels * steps.groups;
  tally(stats, Act::multiply, cost.issued);
  tally(stats, Act::add, cost.issued);
  tally(stats, Act::neuron_read, count * ceil_div(positions, config_.width));
  tally(stats, Act::synapse_read, pixels * synapse_rows);
  tally(stats, Act::index_read, count * layout_.index_rows(box));
  tally(stats, Act::select, count * positions);
  tally(stats, Act::pick, cost.selected + cost.issued);
  if (layer_.table_bytes > 0) tally(stats, Act::lookup, pixels * marked);
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const std::int64_t positions = layer_.loops.kernel_size() * (box.in1 - box.in0);
  const std::int64_t entry = masks_.entry(box.group, box.out0, box.in0);
  Steps steps;
  steps.pixels = box.pixels();
  steps.words = masks_.words();
  steps.masks = masks_.mask(entry);
  steps.index = index_.data() + entry;
  steps.groups = ceil_div(box.out1 - box.out0, config_.lanes);
  steps.lanes = config_.lanes;
  steps.last_lanes = box.out1 - box.out0 - (steps.groups - 1) * config_.lanes;
  const Cost cost = config_.fifo ? fifo(neurons, steps) : window(neurons, steps, positions);
  book(cost, steps, box, positions, stats);
}

}  // namespace

SynapseLayout::SynapseLayout(const array::DecodedLayer& layer)
    : kernel(layer.loops.kernel_size()),
      block(layer.own_field("synapses", "block")),
      bits(static_cast<int>(layer.own_field("synapses", "bits"))) {}

std::int64_t SynapseLayout::index_rows(const map::TileBox& box) const {
  return ceil_div(kernel * index_blocks(block, box.in0, box.in1), kRowBits);
}

StepReads SynapseLayout::reads(const map::TileBox& box, std::int64_t marked) const {
  return {index_rows(box), ceil_div(marked * bits, kRowBits)};
}

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::cambricon_s
