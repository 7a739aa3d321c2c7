#include <algorithm>
#include <array>
#include <vector>

#include "accel/sparten/engine.h"
#include "accel/sparten/format.h"
#include "array/actions.h"

namespace syncopate::accel::sparten {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// One compute unit: its filters of the current chunk, and how far the join has come.
struct Unit {
  std::array<std::int32_t, 2> filters{};
  std::int32_t count = 0, current = 0;
  std::int64_t next = 0;  ///< Position of the pair to come; the chunk's end when there is none.
};

/// A cluster in the middle of a step.
struct Cluster {
  std::int64_t step = -1;  ///< Current one; -1 before the first.
  std::int64_t chunk = 0;
  std::int64_t cycles = 0;    ///< Of the current chunk so far.
  std::int64_t overhead = 0;  ///< Cycles left after the last chunk.
  std::int64_t active = 0;    ///< Cycles.
  std::vector<Unit> units;
};

/// The clusters at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        pixels_(tile.box.pixels()),
        positions_(tile.patches.positions()),
        weights_(array::decode_bitmap(tile.synapses, tile.index, outs_, positions_)),
        order_(decode_order(config, tile.index, outs_, positions_)),
        clusters_(static_cast<std::size_t>(config.clusters)) {
    load();
  }
  void run();

 private:
  void load();
  void load_filters(std::int64_t group);
  bool begin_step(Cluster& cluster, std::int64_t number);
  void broadcast(Cluster& cluster);
  void seek(Unit& unit, const Cluster& cluster) const;
  void work(Cluster& cluster);
  std::int64_t steps() const { return order_.groups() * pixels_; }
  std::int64_t chunk_end(std::int64_t chunk) const {
    return std::min(positions_, (chunk + 1) * config_.chunk);
  }
  const std::int16_t* window(const Cluster& cluster) const {
    return neurons_.data() + cluster.step % pixels_ * positions_;
  }
  const std::int16_t* filter(std::int64_t number) const {
    return weights_.data() + number * positions_;
  }

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, pixels_, positions_;
  std::vector<std::int16_t> weights_;  ///< [filter][position]
  Order order_;
  std::vector<Cluster> clusters_;
  std::vector<std::int16_t> neurons_;  ///< [pixel][position]
};

void Datapath::load() {
  neurons_.resize(static_cast<std::size_t>(pixels_ * positions_));
  for (std::int64_t pixel = 0; pixel < pixels_; ++pixel) {
    tile_.patches.values(pixel,
                         std::span(neurons_).subspan(static_cast<std::size_t>(pixel * positions_),
                                                     static_cast<std::size_t>(positions_)));
  }
  for (Cluster& cluster : clusters_) cluster.units.resize(static_cast<std::size_t>(config_.units));
}

/// A cluster fetches a group's filters once and keeps them while pixels pass.
void Datapath::load_filters(std::int64_t group) {
  for (std::int64_t chunk = 0; chunk < order_.chunks(); ++chunk) {
    for (std::int64_t place = 0; place < order_.filters(group); ++place) {
      const std::int16_t* values = filter(order_.at(group, chunk, place));
      const std::int64_t begin = chunk * config_.chunk, end = chunk_end(chunk);
      const std::int64_t stored =
          end - begin - std::count(values + begin, values + end, std::int16_t{0});
      tally(stats_, Act::synapse_read, ceil_div(stored, config_.row));
      tally(stats_, Act::index_read, 1);
    }
  }
}

/// The cluster's next step; false when the tile has none left for it.
bool Datapath::begin_step(Cluster& cluster, std::int64_t number) {
  const std::int64_t before = cluster.step;
  const std::int64_t next = before < 0 ? number : before + config_.clusters;
  if (next >= steps()) return false;
  if (before < 0 || before / pixels_ != next / pixels_) load_filters(next / pixels_);
  cluster.step = next;
  cluster.chunk = 0;
  cluster.overhead = config_.step_overhead();
  broadcast(cluster);
  return true;
}

/// A chunk of the window goes to all CUs, which look for their first pair.
void Datapath::broadcast(Cluster& cluster) {
  const std::int64_t group = cluster.step / pixels_, chunk = cluster.chunk;
  const std::int64_t begin = chunk * config_.chunk, end = chunk_end(chunk);
  cluster.cycles = 0;
  for (Unit& unit : cluster.units) unit.count = unit.current = 0;
  for (std::int64_t place = 0; place < order_.filters(group); ++place) {
    Unit& unit = cluster.units[static_cast<std::size_t>(config_.unit_of(place))];
    unit.filters[static_cast<std::size_t>(unit.count++)] = order_.at(group, chunk, place);
  }
  for (Unit& unit : cluster.units) {
    unit.next = begin;
    seek(unit, cluster);
  }
  const std::int16_t* values = window(cluster);
  const std::int64_t nonzero =
      end - begin - std::count(values + begin, values + end, std::int16_t{0});
  tally(stats_, Act::neuron_read, ceil_div(nonzero, config_.row));
  tally(stats_, Act::index_read, 1);
  tally(stats_, Act::select, order_.filters(group) * (end - begin));
  if (config_.balance == Balance::chunk) {
    tally(stats_, kPermute, order_.filters(group));
  }
}

/// Moves on to the unit's next pair, in its first filter, then in its second.
void Datapath::seek(Unit& unit, const Cluster& cluster) const {
  const std::int64_t begin = cluster.chunk * config_.chunk, end = chunk_end(cluster.chunk);
  const std::int16_t* neurons = window(cluster);
  for (; unit.current < unit.count; ++unit.current, unit.next = begin) {
    const std::int16_t* synapses = filter(unit.filters[static_cast<std::size_t>(unit.current)]);
    while (unit.next < end && (neurons[unit.next] == 0 || synapses[unit.next] == 0)) ++unit.next;
    if (unit.next < end) return;
  }
}

/// One cycle of a cluster: every unit that has a pair multiplies it.
void Datapath::work(Cluster& cluster) {
  std::int64_t pairs = 0, present = 0;
  const std::int16_t* neurons = window(cluster);
  const std::int64_t pixel = cluster.step % pixels_;
  const bool joining = cluster.chunk < order_.chunks();
  for (Unit& unit : cluster.units) {
    present += unit.count > 0;
    if (!joining || unit.current == unit.count) continue;
    const std::int32_t number = unit.filters[static_cast<std::size_t>(unit.current)];
    sums_[static_cast<std::size_t>(pixel * outs_ + number)] +=
        std::int64_t{neurons[unit.next]} * filter(number)[unit.next];
    ++unit.next;
    seek(unit, cluster);
    ++pairs;
  }
  stats_.pairs_issued += pairs;
  stats_.pairs_effectual += pairs;
  stats_[sim::Cause::work] += pairs;
  stats_[pairs > 0 ? sim::Cause::imbalance : sim::Cause::index] += present - pairs;
  stats_[sim::Cause::underfill] += config_.units - present;
  tally(stats_, Act::multiply, pairs);
  tally(stats_, Act::add, pairs);
  tally(stats_, kOperandRead, pairs);
  tally(stats_, kJoin, pairs);
  ++cluster.cycles;
  ++cluster.active;
}

void Datapath::run() {
  const auto chunk_done = [&](const Cluster& cluster) {
    return cluster.cycles >= config_.chunk_cycles &&
           std::all_of(cluster.units.begin(), cluster.units.end(),
                       [](const Unit& unit) { return unit.current == unit.count; });
  };
  for (bool active = true; active;) {
    active = false;
    for (std::size_t number = 0; number < clusters_.size(); ++number) {
      Cluster& cluster = clusters_[number];
      // 1. What is finished makes way: chunk, then step. Chunks may take no time at all.
      bool has_step = cluster.step >= 0 || begin_step(cluster, static_cast<std::int64_t>(number));
      while (has_step) {
        if (cluster.chunk < order_.chunks()) {
          if (!chunk_done(cluster)) break;
          if (++cluster.chunk < order_.chunks()) broadcast(cluster);
        } else if (cluster.overhead > 0) {
          --cluster.overhead;
          break;
        } else {
          has_step = begin_step(cluster, static_cast<std::int64_t>(number));
        }
      }
      if (!has_step) continue;
      // 2. The units of the others multiply.
      work(cluster);
      active = true;
    }
    stats_.cycles += active;
  }
  for (const Cluster& cluster : clusters_) {  // Waiting for the end of the tile.
    stats_[cluster.step < 0 ? sim::Cause::underfill : sim::Cause::imbalance] +=
        (stats_.cycles - cluster.active) * config_.units;
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::sparten
