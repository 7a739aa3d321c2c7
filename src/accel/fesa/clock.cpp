#include <algorithm>
#include <vector>

#include "accel/fesa/engine.h"
#include "accel/fesa/format.h"

namespace syncopate::accel::fesa {
namespace {

using array::Act;
using array::tally;

/// What one PE does until the next barrier: the kernel of an output at an input, on a pixel.
struct Duty {
  std::int64_t pixel = 0, out = 0, in = 0;
};

/// The array at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        stats_(stats),
        sums_(sums),
        by_inputs_(Config::by_inputs(tile.layer.loops)),
        kernel_(tile.layer.loops.kernel_size()),
        outs_(tile.box.out1 - tile.box.out0),
        ins_(tile.box.in1 - tile.box.in0),
        pixels_(tile.box.pixels()),
        kernels_(decode_kernels(tile.synapses, tile.index, tile.table,
                                tile.layer.own_field("patterns", "number"), outs_ * ins_,
                                kernel_)) {
    const std::int64_t positions = tile.patches.positions();
    windows_.resize(static_cast<std::size_t>(pixels_));
    for (std::size_t p = 0; p < windows_.size(); ++p) {
      windows_[p].resize(static_cast<std::size_t>(positions));
      tile.patches.values(static_cast<std::int64_t>(p), windows_[p]);
    }
  }

  void run();

 private:
  void step(std::int64_t out, std::int64_t pixel);
  std::int64_t until_barrier(const std::vector<Duty>& duties);
  bool multiply(const Duty& duty, std::int64_t turn);

  const Config& config_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  bool by_inputs_;
  std::int64_t kernel_, outs_, ins_, pixels_;
  Kernels kernels_;
  std::vector<std::vector<std::int16_t>> windows_;  ///< Per pixel.
};

/// The weight of a PE's pattern that has its turn; false when the pattern has no more.
bool Datapath::multiply(const Duty& duty, std::int64_t turn) {
  const auto number = static_cast<std::size_t>(duty.out * ins_ + duty.in);
  const std::vector<std::int16_t>& values = kernels_.values[number];
  if (turn >= static_cast<std::int64_t>(values.size())) return false;
  const Pattern& pattern = kernels_.patterns[static_cast<std::size_t>(kernels_.ids[number])];
  std::int64_t k = 0;  // The turn-th position of the pattern.
  for (std::int64_t left = turn; left > 0 || !has(pattern, k); ++k) left -= has(pattern, k);
  const std::int64_t weight = values[static_cast<std::size_t>(turn)];
  const std::int64_t neuron =
      windows_[static_cast<std::size_t>(duty.pixel)][static_cast<std::size_t>(k * ins_ + duty.in)];
  sums_[static_cast<std::size_t>(duty.pixel * outs_ + duty.out)] += weight * neuron;
  const bool effectual = weight != 0 && neuron != 0;
  stats_.pairs_effectual += effectual;
  stats_[effectual ? sim::Cause::work : sim::Cause::bubble] += 1;
  ++stats_.pairs_issued;
  tally(stats_, Act::multiply, 1);
  tally(stats_, Act::add, 1);
  tally(stats_, Act::pick, 1);
  return true;
}

/// Cycles until every PE has multiplied all weights of its pattern.
std::int64_t Datapath::until_barrier(const std::vector<Duty>& duties) {
  for (std::int64_t turn = 0;; ++turn) {
    std::int64_t working = 0;
    for (const Duty& duty : duties) working += multiply(duty, turn);
    if (working == 0) return turn;
    ++stats_.cycles;
    tally(stats_, Act::neuron_read, 1);
    // Rows without an input map of their own wait with the others.
    const std::int64_t present =
        by_inputs_ ? config_.rows * std::min(config_.columns, outs_ - duties[0].out)
                   : static_cast<std::int64_t>(duties.size());
    stats_[sim::Cause::imbalance] += present - working;
    stats_[sim::Cause::underfill] += config_.pes() - present;
  }
}

/// A group of output maps at a group of pixels.
void Datapath::step(std::int64_t out, std::int64_t pixel) {
  const std::int64_t out1 = std::min(outs_, out + config_.columns);
  const std::int64_t pixel1 = std::min(pixels_, pixel + config_.rows);
  const std::int64_t inputs = by_inputs_ ? config_.rows : 1;
  std::int64_t cycles = 0;
  std::vector<Duty> duties;
  for (std::int64_t in = 0; in < ins_; in += inputs) {
    duties.clear();
    for (std::int64_t o = out; o < out1; ++o) {
      for (std::int64_t i = in; i < std::min(ins_, in + inputs); ++i) {
        // A kernel's pattern and weights are read once for all rows.
        const auto number = static_cast<std::size_t>(o * ins_ + i);
        tally(stats_, Act::synapse_read, static_cast<std::int64_t>(kernels_.values[number].size()));
        if (kernels_.patterns.size() > 1) tally(stats_, Act::index_read, 1);
        for (std::int64_t p = pixel; p < pixel1; ++p) duties.push_back({p, o, i});
      }
    }
    cycles += until_barrier(duties);
  }
  if (cycles > 0) return;
  ++stats_.cycles;  // Nothing to do takes a cycle to find out.
  const std::int64_t present = (out1 - out) * (by_inputs_ ? config_.rows : pixel1 - pixel);
  stats_[sim::Cause::index] += present;
  stats_[sim::Cause::underfill] += config_.pes() - present;
}

void Datapath::run() {
  for (std::int64_t out = 0; out < outs_; out += config_.columns) {
    for (std::int64_t pixel = 0; pixel < pixels_; pixel += config_.rows) step(out, pixel);
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::fesa
