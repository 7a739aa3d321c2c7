#include <algorithm>
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

/// Steps that select `found` positions each and take at least `floor` cycles.
SYNCOPATE_MULTIVERSION GroupCost add_up(const std::vector<std::int32_t>& found,
                                        std::int32_t floor) {
  constexpr auto kWidth = static_cast<std::int32_t>(Config::width);
  std::int64_t selected = 0, issuing = 0, cycles = 0;
  for (const std::int32_t f : found) {
    const std::int32_t rows = (f + kWidth - 1) / kWidth;
    selected += f;
    issuing += rows;
    cycles += rows > floor ? rows : floor;
  }
  return {selected, issuing, cycles};
}

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
      : config_(config), layer_(layer), weights_(data, layer.tiling, config.lanes), layout_(layer) {
    windows_words_ = config.neuron_window / 64;
    windows_ = ceil_div(weights_.words(), windows_words_);
    const auto entries = static_cast<std::size_t>(weights_.entries());
    index_.resize(entries);
    masks_.resize(entries * static_cast<std::size_t>(weights_.words()));
    marked_.resize(entries * static_cast<std::size_t>(windows_));
    for (std::int64_t e = 0; e < weights_.entries(); ++e) build(e);
  }

  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  void build(std::int64_t entry);
  GroupCost fifo(const array::PixelMasks& neurons, const SharedIndex& index,
                 std::int64_t positions) const;
  GroupCost window(const array::PixelMasks& neurons, const SharedIndex& index,
                   std::int64_t positions) const;
  void matches(const array::PixelMasks& neurons, const SharedIndex& index,
               std::vector<std::int32_t>& found) const;
  void book(const GroupCost& cost, const SharedIndex& index, std::int64_t present,
            const map::TileBox& box, std::int64_t positions, sim::Stats& stats) const;

  const Config& config_;
  const array::DecodedLayer& layer_;
  array::LaneMasks weights_;
  SynapseLayout layout_;
  std::int64_t windows_words_, windows_;
  std::vector<std::uint64_t> masks_;  ///< Of all entries.
  std::vector<std::int32_t> marked_;  ///< Likewise.
  std::vector<SharedIndex> index_;
};

/// The shared index of an entry.
void Counter::build(std::int64_t entry) {
  SharedIndex& index = index_[static_cast<std::size_t>(entry)];
  std::uint64_t* mask = masks_.data() + entry * weights_.words();
  std::int32_t* marked = marked_.data() + entry * windows_;
  weights_.any_lane(entry, {mask, static_cast<std::size_t>(weights_.words())});
  for (std::int64_t w = 0; w < windows_; ++w) {
    const std::int64_t at = w * windows_words_;
    const std::int64_t words = std::min(windows_words_, weights_.words() - at);
    marked[w] = static_cast<std::int32_t>(array::count_bits(mask + at, words));
    index.total += marked[w];
  }
  index.mask = mask;
  index.marked = marked;
}

/// Positions selected per pixel.
void Counter::matches(const array::PixelMasks& neurons, const SharedIndex& index,
                      std::vector<std::int32_t>& found) const {
  found.assign(static_cast<std::size_t>(neurons.pixels()), static_cast<std::int32_t>(index.total));
  if (!config_.skip_neurons) return;
  array::count_matches(neurons.rows(), neurons.pixels(), index.mask, weights_.words(),
                       found.data());
}

GroupCost Counter::fifo(const array::PixelMasks& neurons, const SharedIndex& index,
                        std::int64_t positions) const {
  thread_local std::vector<std::int32_t> found;
  matches(neurons, index, found);
  const auto floor = static_cast<std::int32_t>(std::max(
      ceil_div(positions, config_.neuron_window), ceil_div(index.total, config_.synapse_window)));
  return add_up(found, floor);
}

GroupCost Counter::window(const array::PixelMasks& neurons, const SharedIndex& index,
                          std::int64_t positions) const {
  GroupCost cost;
  const std::int64_t windows = ceil_div(positions, config_.neuron_window);
  for (std::int64_t pixel = 0; pixel < neurons.pixels(); ++pixel) {
    const std::uint64_t* row = neurons.rows() + pixel * weights_.words();
    for (std::int64_t w = 0; w < windows; ++w) {
      const std::int64_t at = w * windows_words_;
      const std::int64_t words = std::min(windows_words_, weights_.words() - at);
      const std::int64_t marked = index.marked[w];
      std::int32_t f = static_cast<std::int32_t>(marked);
      if (config_.skip_neurons) {
        array::count_matches(row + at, 1, index.mask + at, words, &f);
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
    const std::int64_t entry = weights_.entry(box.group, out, box.in0);
    const SharedIndex& index = index_[static_cast<std::size_t>(entry)];
    const GroupCost cost =
        config_.fifo ? fifo(neurons, index, positions) : window(neurons, index, positions);
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
