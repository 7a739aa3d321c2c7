#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "accel/cambricon_x/engine.h"
#include "accel/cambricon_x/format.h"
#include "array/actions.h"
#include "array/bit_counter.h"
#include "array/masks.h"
#include "sim/lanes.h"

namespace syncopate::accel::cambricon_x {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// What one PE does in every step of a lane group: the same at every pixel, since only weights
/// matter.
struct LaneWork {
  std::int32_t pairs = 0;    ///< Non-zero synapses.
  std::int32_t stored = 0;   ///< With fillers.
  std::int32_t slots = 0;    ///< Multiplier slots taken: pairs, and fillers where they are issued.
  std::int32_t issuing = 0;  ///< Cycles with a pair or filler.
  std::int32_t beats = 0;
};

/// The PEs of one (lane group, input block).
struct GroupWork {
  std::array<std::int32_t, Config::lanes> beats{};  ///< 0 for absent lanes.
  LaneWork sum;                                     ///< Over lanes present; `beats` the largest.
  std::int64_t all_beats = 0;                       ///< Sum of beats.
  std::int64_t present = 0, positions = 0;
  std::int64_t synapse_rows = 0;  ///< SB rows read in a step, all lanes; as many index rows.
};

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
      : config_(config),
        layer_(layer),
        lane_groups_(ceil_div(data.loops().outs, config.lanes)),
        in_blocks_(ceil_div(data.loops().ins, layer.tiling.ins)),
        group_(static_cast<std::size_t>(data.loops().groups * lane_groups_ * in_blocks_)) {
    if (config.fifo && !config.issue_fillers) {
      measure_counts(data);  // Where they stand does not matter.
      return;
    }
    array::visit_lane_rows(data, layer.tiling, config.lanes,
                           [this](const array::LaneRows& masks) { measure(masks); });
  }

  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;
  bool uses_neurons() const override { return false; }
  bool uses_place() const override { return false; }

 private:
  void measure(const array::LaneRows& masks);
  void measure_counts(const sim::LayerData& data);
  void add_lane(const LaneWork& work, std::size_t lane, GroupWork& group) const;
  LaneWork compacted(std::int32_t pairs, std::int32_t stored, std::int32_t slots,
                     std::int64_t positions) const;
  LaneWork lane_work(std::span<const std::uint64_t> mask, std::int64_t positions) const;
  void mark_fillers(std::span<const std::uint64_t> mask, std::vector<std::uint64_t>& slots) const;
  void book_waiting(const map::TileBox& box, sim::Stats& stats) const;
  const GroupWork& group(const map::TileBox& box, std::int64_t out) const {
    const std::int64_t lane_group = box.group * lane_groups_ + out / config_.lanes;
    return group_[static_cast<std::size_t>(lane_group * in_blocks_ + box.in0 / layer_.tiling.ins)];
  }

  const Config& config_;
  const array::DecodedLayer& layer_;
  std::int64_t lane_groups_, in_blocks_;
  std::vector<GroupWork> group_;
};

/// Adds the positions of fillers to a mask.
void Counter::mark_fillers(std::span<const std::uint64_t> mask,
                           std::vector<std::uint64_t>& slots) const {
  std::int64_t next = 0;
  for (std::size_t w = 0; w < mask.size(); ++w) {
    for (std::uint64_t word = mask[w]; word != 0; word &= word - 1) {
      const std::int64_t position = static_cast<std::int64_t>(w) * 64 + std::countr_zero(word);
      for (; position - next >= config_.reach(); next += config_.reach()) {
        const std::int64_t at = next + config_.reach() - 1;
        slots[static_cast<std::size_t>(at / 64)] |= 1ULL << (at % 64);
      }
      next = position + 1;
    }
  }
}

/// Slots compacted across windows.
LaneWork Counter::compacted(std::int32_t pairs, std::int32_t stored, std::int32_t slots,
                            std::int64_t positions) const {
  const auto width = static_cast<std::int32_t>(config_.width);
  const auto windows = static_cast<std::int32_t>(ceil_div(positions, config_.window));
  const std::int32_t issuing = (slots + width - 1) / width;
  return {pairs, stored, slots, issuing, std::max(issuing, windows)};
}

LaneWork Counter::lane_work(std::span<const std::uint64_t> mask, std::int64_t positions) const {
  LaneWork work;
  const auto bits = [](std::span<const std::uint64_t> m) {
    return static_cast<std::int32_t>(
        array::count_bits(m.data(), static_cast<std::int64_t>(m.size())));
  };
  work.pairs = bits(mask);
  work.stored = work.pairs + static_cast<std::int32_t>(count_fillers(mask, config_.reach()));
  std::vector<std::uint64_t> with_fillers;
  if (config_.issue_fillers) {
    with_fillers.assign(mask.begin(), mask.end());
    mark_fillers(mask, with_fillers);
    mask = with_fillers;
  }
  work.slots = bits(mask);
  if (config_.fifo) return compacted(work.pairs, work.stored, work.slots, positions);
  const auto width = static_cast<std::int32_t>(config_.width);
  const auto windows = static_cast<std::int32_t>(ceil_div(positions, config_.window));
  const auto words = static_cast<std::size_t>(config_.window / 64);
  for (std::int32_t w = 0; w < windows; ++w) {
    const std::size_t at = static_cast<std::size_t>(w) * words;
    const std::int32_t rows =
        (bits(mask.subspan(at, std::min(words, mask.size() - at))) + width - 1) / width;
    work.issuing += rows;
    work.beats += std::max(1, rows);
  }
  return work;
}

void Counter::measure(const array::LaneRows& masks) {
  GroupWork& group = group_[static_cast<std::size_t>(masks.entry)];
  group.positions = masks.positions;
  group.present = masks.lanes;
  const auto words = static_cast<std::size_t>(ceil_div(masks.positions, 64));
  for (std::int64_t lane = 0; lane < masks.lanes; ++lane) {
    add_lane(lane_work({masks.rows + lane * masks.words, words}, masks.positions),
             static_cast<std::size_t>(lane), group);
  }
}

/// From what the format has counted too.
void Counter::measure_counts(const sim::LayerData& data) {
  const map::Loops& loops = data.loops();
  const auto counts = lane_counts(data.constant(), layer_.tiling.ins, config_.reach());
  for (std::size_t entry = 0; entry < group_.size(); ++entry) {
    const auto number = static_cast<std::int64_t>(entry);
    const std::int64_t in0 = number % in_blocks_ * layer_.tiling.ins;
    const std::int64_t out0 = number / in_blocks_ % lane_groups_ * config_.lanes;
    GroupWork& group = group_[entry];
    group.positions = std::min(layer_.tiling.ins, loops.ins - in0) * loops.kernel_size();
    group.present = std::min(config_.lanes, loops.outs - out0);
    for (std::int64_t lane = 0; lane < group.present; ++lane) {
      const LaneCounts::Lane& one =
          counts->at(number / in_blocks_ / lane_groups_, out0 + lane, in0);
      add_lane(compacted(one.pairs, one.pairs + one.fillers, one.pairs, group.positions),
               static_cast<std::size_t>(lane), group);
    }
  }
}

void Counter::add_lane(const LaneWork& work, std::size_t lane, GroupWork& group) const {
  group.beats[lane] = work.beats;
  group.all_beats += work.beats;
  group.sum.pairs += work.pairs;
  group.sum.slots += work.slots;
  group.sum.issuing += work.issuing;
  group.sum.beats = std::max(group.sum.beats, work.beats);
  group.synapse_rows += ceil_div(work.stored, config_.width);
}

/// The makespan of a tile's steps, and who waited: lanes present for the slowest, lanes without an
/// output for want of one.
void Counter::book_waiting(const map::TileBox& box, sim::Stats& stats) const {
  std::int64_t makespan = 0, absent = 0, busy = 0;
  sim::Lanes lanes(config_.lanes, config_.slack);
  for (std::int64_t out = box.out0; out < box.out1; out += config_.lanes) {
    const GroupWork& work = group(box, out);
    const std::int64_t before = makespan;
    if (config_.slack == 1) {  // Lock step: every pixel costs what the slowest lane takes.
      makespan += box.pixels() * work.sum.beats;
    } else {
      for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) lanes.step(work.beats);
      makespan = lanes.makespan();
    }
    absent += (config_.lanes - work.present) * (makespan - before);
    busy += box.pixels() * work.all_beats;
  }
  const std::int64_t waiting = config_.lanes * makespan - busy - absent;
  stats.cycles += makespan;
  stats[sim::Cause::imbalance] += waiting * config_.width;
  stats[sim::Cause::underfill] += absent * config_.width;
}

void Counter::count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const {
  const std::int64_t pixels = box.pixels(), width = config_.width;
  book_waiting(box, stats);
  for (std::int64_t out = box.out0; out < box.out1; out += config_.lanes) {
    const GroupWork& work = group(box, out);
    const std::int64_t fillers = work.sum.slots - work.sum.pairs;
    stats.pairs_issued += pixels * work.sum.pairs;
    stats[sim::Cause::work] += pixels * work.sum.pairs;
    stats[sim::Cause::underfill] += pixels * (work.sum.issuing * width - work.sum.slots);
    stats[sim::Cause::index] += pixels * ((work.all_beats - work.sum.issuing) * width + fillers);
    tally(stats, Act::multiply, pixels * work.sum.slots);
    tally(stats, Act::add, pixels * work.sum.slots);
    tally(stats, Act::neuron_read, pixels * ceil_div(work.positions, width));
    tally(stats, Act::synapse_read, pixels * work.synapse_rows);
    tally(stats, Act::index_read, pixels * work.synapse_rows);
    tally(stats, Act::select, pixels * work.present * work.positions);
    tally(stats, Act::pick, pixels * work.sum.pairs);
  }
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::cambricon_x
