#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "accel/cnvlutin/engine.h"
#include "array/actions.h"

namespace syncopate::accel::cnvlutin {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// What a neuron lane is handed in one cycle.
struct Entry {
  enum class Kind : std::uint8_t { coded, empty_brick, plain };
  Kind kind = Kind::plain;
  std::int16_t value = 0;
  std::int64_t offset = 0;  ///< In the brick.
  std::int64_t brick = 0;   ///< Position of its first neuron in the window.
};

/// One tile on the unit.
class Datapath {
 public:
  Datapath(const array::ConvTile& tile, sim::Stats& stats, std::span<std::int64_t> sums)
      : tile_(tile),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        ins_(tile.box.in1 - tile.box.in0),
        positions_(tile.patches.positions()),
        synapses_(tile.synapses.size() / 2) {
    if (!synapses_.empty()) {
      std::memcpy(synapses_.data(), tile.synapses.data(), tile.synapses.size());
    }
  }

  /// Groups of 16 filters outside, windows inside.
  void run(bool dense) {
    for (std::int64_t out = 0; out < outs_; out += kFilters) {
      for (std::int64_t pixel = 0; pixel < tile_.box.pixels(); ++pixel) {
        if (dense) {
          dispatch_dense(pixel);
        } else {
          dispatch(pixel);
        }
        while (window_at_work()) cycle(pixel, out, std::min(kFilters, outs_ - out));
      }
    }
  }

 private:
  struct Lane {
    std::vector<Entry> queue;
    std::size_t next = 0;
  };

  void dispatch(std::int64_t pixel);
  void dispatch_dense(std::int64_t pixel);
  void cycle(std::int64_t pixel, std::int64_t out, std::int64_t present);
  bool window_at_work() const {
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [](const Lane& lane) { return lane.next < lane.queue.size(); });
  }

  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, ins_, positions_;
  std::vector<std::int16_t> synapses_;
  std::array<Lane, kLanes> lanes_;
};

/// Deals the bricks of a window, as the encoder left them, to the lanes.
void Datapath::dispatch(std::int64_t pixel) {
  std::vector<std::int16_t> window(static_cast<std::size_t>(positions_));
  tile_.patches.values(pixel, window);
  for (Lane& lane : lanes_) lane = {};
  std::size_t turn = 0;
  for (std::int64_t base = 0; base < positions_; base += ins_) {
    for (std::int64_t channel = 0; channel < ins_; channel += kBrick) {
      std::vector<Entry>& queue = lanes_[turn++ % kLanes].queue;
      const std::size_t before = queue.size();
      for (std::int64_t offset = 0; offset < std::min(kBrick, ins_ - channel); ++offset) {
        const std::int16_t value = window[static_cast<std::size_t>(base + channel + offset)];
        if (value != 0) queue.push_back({Entry::Kind::coded, value, offset, base + channel});
      }
      if (queue.size() == before) {
        queue.push_back({Entry::Kind::empty_brick, 0, 0, base + channel});
      }
    }
  }
}

/// Gives every channel a lane of its own, zeros included.
void Datapath::dispatch_dense(std::int64_t pixel) {
  std::vector<std::int16_t> window(static_cast<std::size_t>(positions_));
  tile_.patches.values(pixel, window);
  for (Lane& lane : lanes_) lane = {};
  for (std::int64_t p = 0; p < positions_; ++p) {
    const auto lane = static_cast<std::size_t>(p % ins_);
    lanes_[lane].queue.push_back(
        {Entry::Kind::plain, window[static_cast<std::size_t>(p)], p % ins_, p - p % ins_});
  }
}

void Datapath::cycle(std::int64_t pixel, std::int64_t out, std::int64_t present) {
  for (Lane& lane : lanes_) {
    // 1. A lane without a brick, or done with all of its own.
    if (lane.next == lane.queue.size()) {
      stats_[lane.queue.empty() ? sim::Cause::underfill : sim::Cause::imbalance] += kFilters;
      continue;
    }
    // 2. The bank gives a neuron and its offset, or says that the brick is empty.
    const Entry& entry = lane.queue[lane.next++];
    tally(stats_, Act::neuron_read, 1);
    tally(stats_, Act::index_read, entry.kind != Entry::Kind::plain);
    if (entry.kind == Entry::Kind::empty_brick) {
      stats_[sim::Cause::index] += kFilters;
      continue;
    }
    // 3. The offset finds the filters' synapses; products join the filters' sums.
    tally(stats_, Act::synapse_read, 1);
    std::int64_t effectual = 0;
    for (std::int64_t f = 0; f < present; ++f) {
      const std::int64_t weight =
          synapses_[static_cast<std::size_t>((out + f) * positions_ + entry.brick + entry.offset)];
      sums_[static_cast<std::size_t>(pixel * outs_ + out + f)] += entry.value * weight;
      effectual += entry.value != 0 && weight != 0;
    }
    stats_.pairs_issued += present;
    stats_.pairs_effectual += effectual;
    stats_[sim::Cause::work] += effectual;
    stats_[sim::Cause::bubble] += present - effectual;
    stats_[sim::Cause::underfill] += kFilters - present;
    tally(stats_, Act::multiply, present);
    tally(stats_, Act::add, present);
  }
  ++stats_.cycles;
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(tile, stats, sums).run(dense(tile.layer.loops));
}

}  // namespace syncopate::accel::cnvlutin
