#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/systolic/engine.h"

namespace syncopate::accel::systolic {
namespace {

using array::Act;
using array::tally;

/// One tile on the array.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        positions_(tile.patches.positions()),
        synapses_(tile.synapses.size() / 2),
        window_(static_cast<std::size_t>(positions_)) {
    if (!synapses_.empty()) {
      std::memcpy(synapses_.data(), tile.synapses.data(), tile.synapses.size());
    }
  }

  void run() {
    for (std::int64_t out = 0; out < outs_; out += config_.columns) {
      for (std::int64_t p = 0; p < positions_; p += config_.rows) pass(out, p);
    }
  }

 private:
  void pass(std::int64_t out0, std::int64_t position0);
  void cycle(std::int64_t pixel, std::int64_t out0, std::int64_t position0);

  const Config& config_;
  const array::ConvTile& tile_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, positions_;
  std::vector<std::int16_t> synapses_;  ///< [output][position]
  std::vector<std::int16_t> window_;
  std::int64_t columns_ = 0, rows_ = 0;  ///< In use.
};

void Datapath::pass(std::int64_t out0, std::int64_t position0) {
  columns_ = std::min(config_.columns, outs_ - out0);
  rows_ = std::min(config_.rows, positions_ - position0);
  // 1. Weights have entered from above, a row a cycle.
  tally(stats_, Act::synapse_read, columns_);
  // 2. A window enters every cycle, its positions one row after the other.
  const std::int64_t pixels = tile_.box.pixels();
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) cycle(pixel, out0, position0);
  // 3. The pass is not over before as many weights as it has could enter.
  for (std::int64_t waited = pixels; config_.loading && waited < rows_; ++waited) {
    ++stats_.cycles;
    stats_[sim::Cause::fill] += config_.pes();
  }
}

/// What the PEs do with one window.
void Datapath::cycle(std::int64_t pixel, std::int64_t out0, std::int64_t position0) {
  tile_.patches.values(pixel, window_);
  tally(stats_, Act::neuron_read, 1);
  std::int64_t effectual = 0;
  for (std::int64_t j = 0; j < columns_; ++j) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < rows_; ++i) {
      const std::int64_t neuron = window_[static_cast<std::size_t>(position0 + i)];
      const std::int64_t weight =
          synapses_[static_cast<std::size_t>((out0 + j) * positions_ + position0 + i)];
      sum += neuron * weight;
      effectual += neuron != 0 && weight != 0;
      tally(stats_, kNeuronHop, 1);
      tally(stats_, kSumHop, 1);
    }
    sums_[static_cast<std::size_t>(pixel * outs_ + out0 + j)] += sum;
  }
  tally(stats_, Act::sum_read, position0 > 0);
  tally(stats_, Act::sum_write, position0 > 0);
  const std::int64_t issued = rows_ * columns_;
  ++stats_.cycles;
  stats_.pairs_issued += issued;
  stats_.pairs_effectual += effectual;
  stats_[sim::Cause::work] += effectual;
  stats_[sim::Cause::bubble] += issued - effectual;
  stats_[sim::Cause::underfill] += config_.pes() - issued;
  tally(stats_, Act::multiply, issued);
  tally(stats_, Act::add, issued);
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::systolic
