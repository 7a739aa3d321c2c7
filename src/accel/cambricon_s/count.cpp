#include <algorithm>
#include <bit>
#include <vector>

#include "accel/cambricon_s/engine.h"
#include "accel/cambricon_s/format.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"
#include "base/simd.h"

namespace syncopate::accel::cambricon_s {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

constexpr std::int64_t kRowBits = 256;  ///< Of SIB and of a lane's SB.

/// The shared index of one (lane group, input block): its mask, and how many positions it marks in
/// every window.
struct SharedIndex {
  const std::uint64_t* mask = nullptr;
  const std::int32_t* marked = nullptr;  ///< Per window.
  std::int64_t total = 0;
};

/// What the steps of one lane group cost, over all pixels of a tile.
struct GroupCost {
  std::int64_t selected = 0;  ///< Sum of f.
  std::int64_t issuing = 0;   ///< Cycles in which PEFU works.
  std::int64_t cycles = 0;
};

/// Steps of all pixels of a block under one shared index.
struct Steps {
  const std::uint64_t* columns = nullptr;  ///< array::PixelMasks
  std::int64_t length = 0;                 ///< Of a column.
  const std::uint64_t* mask = nullptr;
  std::int64_t words = 0;
  std::int64_t floor = 0;  ///< Cycles that a step takes at least.
};

static_assert(Config::width == 16);

/// Eight pixels at a time; those beyond the last select nothing and take `floor` cycles each.
inline __attribute__((always_inline)) GroupCost add_up(const Steps& s) {
  std::int64_t selected = 0, issuing = 0, cycles = 0;
  for (std::int64_t p = 0; p < s.length; p += 8) {
    std::int64_t found[8] = {};
    for (std::int64_t w = 0; w < s.words; ++w) {
      const std::uint64_t* column = s.columns + w * s.length + p;
      for (int i = 0; i < 8; ++i) found[i] += std::popcount(column[i] & s.mask[w]);
    }
    for (int i = 0; i < 8; ++i) {
      const std::int64_t rows = (found[i] + 15) >> 4;
      selected += found[i];
      issuing += rows;
      cycles += rows > s.floor ? rows : s.floor;
    }
  }
  return {selected, issuing, cycles};
}

SYNCOPATE_MULTIVERSION GroupCost add_up_anywhere(const Steps& s) { return add_up(s); }

#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4,avx512vpopcntdq"))) GroupCost add_up_wide(const Steps& s) {
  return add_up(s);
}

bool has_wide() {
  return __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}
#else
GroupCost add_up_wide(const Steps& s) { return add_up(s); }
bool has_wide() { return false; }
#endif

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
      : config_(config), layer_(layer), masks_(data, layer.tiling, config.lanes), layout_(layer) {
    windows_words_ = config.neuron_window / 64;
    windows_ = ceil_div(masks_.words(), windows_words_);
    const auto entries = static_cast<std::size_t>(masks_.entries());
    index_.resize(entries);
    marked_.resize(entries * static_cast<std::size_t>(windows_));
    for (std::int64_t e = 0; e < masks_.entries(); ++e) build(e);
  }

  /// The selection is all there is about neurons.
  bool uses_neurons() const override { return config_.skip_neurons; }
  bool uses_place() const override { return config_.skip_neurons; }
  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  void build(std::int64_t entry);
  GroupCost fifo(const array::PixelMasks& neurons, const SharedIndex& index, std::int64_t positions,
                 std::int64_t pixels) const;
  GroupCost window(const array::PixelMasks& neurons, const SharedIndex& index,
                   std::int64_t positions, std::int64_t pixels) const;
  void book(const GroupCost& cost, const SharedIndex& index, std::int64_t present,
            const map::TileBox& box, std::int64_t positions, sim::Stats& stats) const;

  const Config& config_;
  const array::DecodedLayer& layer_;
  array::SharedMasks masks_;
  SynapseLayout layout_;
  std::int64_t windows_words_, windows_;
  std::vector<std::int32_t> marked_;  ///< Of all entries.
  std::vector<SharedIndex> index_;
};

/// The shared index of an entry.
void Counter::build(std::int64_t entry) {
  SharedIndex& index = index_[static_cast<std::size_t>(entry)];
  std::int32_t* marked = marked_.data() + entry * windows_;
  index.mask = masks_.mask(entry);
  index.marked = marked;
  for (std::int64_t w = 0; w < windows_; ++w) {
    const std::int64_t at = w * windows_words_;
    const std::int64_t words = std::min(windows_words_, masks_.words() - at);
    marked[w] = static_cast<std::int32_t>(array::count_bits(index.mask + at, words));
    index.total += marked[w];
  }
}

GroupCost Counter::fifo(const array::PixelMasks& neurons, const SharedIndex& index,
                        std::int64_t positions, std::int64_t pixels) const {
  const std::int64_t floor = std::max(ceil_div(positions, config_.neuron_window),
                                      ceil_div(index.total, config_.synapse_window));
  if (!config_.skip_neurons) {
    const std::int64_t rows = ceil_div(index.total, config_.width);
    return {pixels * index.total, pixels * rows, pixels * std::max(rows, floor)};
  }
  static const bool wide = has_wide();
  const Steps steps{neurons.columns(), neurons.column_length(), index.mask, masks_.words(), floor};
  GroupCost cost = wide ? add_up_wide(steps) : add_up_anywhere(steps);
  cost.cycles -= (steps.length - pixels) * floor;
  return cost;
}

GroupCost Counter::window(const array::PixelMasks& neurons, const SharedIndex& index,
                          std::int64_t positions, std::int64_t pixels) const {
  GroupCost cost;
  const std::int64_t windows = ceil_div(positions, config_.neuron_window);
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::int64_t w = 0; w < windows; ++w) {
      const std::int64_t at = w * windows_words_;
      const std::int64_t words = std::min(windows_words_, masks_.words() - at);
      const std::int64_t marked = index.marked[w];
      std::int32_t f = static_cast<std::int32_t>(marked);
      if (config_.skip_neurons) {
        array::count_matches(neurons.row(pixel) + at, 1, index.mask + at, words, &f);
      }
      const std::int64_t rows = ceil_div(f, config_.width);
      cost.selected += f;
      cost.issuing += rows;
      cost.cycles += std::max({std::int64_t{1}, rows, ceil_div(marked, config_.synapse_window)});
    }
  }
  return cost;
}

void Counter::book(const GroupCost& cost, const SharedIndex& index, std::int64_t present,
                   const map::TileBox& box, std::int64_t positions, sim::Stats& stats) const {
  const std::int64_t multipliers = config_.lanes * config_.width, pixels = box.pixels();
  const std::int64_t issued = cost.selected * present;
  stats.cycles += cost.cycles;
  stats.pairs_issued += issued;
  stats[sim::Cause::work] += issued;
  stats[sim::Cause::underfill] += cost.issuing * multipliers - issued;
  stats[sim::Cause::index] += (cost.cycles - cost.issuing) * multipliers;
  const StepReads reads = layout_.reads(box, index.total);
  tally(stats, Act::multiply, issued);
  tally(stats, Act::add, issued);
  tally(stats, Act::neuron_read, pixels * ceil_div(positions, config_.width));
  tally(stats, Act::synapse_read, pixels * present * reads.synapses);
  tally(stats, Act::index_read, pixels * reads.index);
  tally(stats, Act::select, pixels * positions);
  tally(stats, Act::pick, cost.selected + issued);
  if (layer_.table_bytes > 0) tally(stats, Act::lookup, pixels * present * index.total);
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const std::int64_t positions = layer_.loops.kernel_size() * (box.in1 - box.in0);
  for (std::int64_t out = box.out0; out < box.out1; out += config_.lanes) {
    const std::int64_t entry = masks_.entry(box.group, out, box.in0);
    const SharedIndex& index = index_[static_cast<std::size_t>(entry)];
    const GroupCost cost = config_.fifo ? fifo(neurons, index, positions, box.pixels())
                                        : window(neurons, index, positions, box.pixels());
    book(cost, index, std::min(config_.lanes, box.out1 - out), box, positions, stats);
  }
}

}  // namespace

SynapseLayout::SynapseLayout(const array::DecodedLayer& layer)
    : kernel(layer.loops.kernel_size()),
      block(layer.own_field("synapses", "block")),
      bits(static_cast<int>(layer.own_field("synapses", "bits"))) {}

StepReads SynapseLayout::reads(const map::TileBox& box, std::int64_t marked) const {
  return {ceil_div(kernel * index_blocks(block, box.in0, box.in1), kRowBits),
          ceil_div(marked * bits, kRowBits)};
}

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::cambricon_s
