#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/systolic_dc/engine.h"

namespace syncopate::accel::systolic_dc {
namespace {

using array::Act;
using array::tally;

/// One pass: what streams, and the block of the kernel in place.
struct Pass {
  std::int64_t out = 0, present = 0;  ///< First output map of the tile, and how many.
  std::int64_t in = 0, slice = 0;     ///< Input map, and slice of the output.
  std::int64_t kt = 0, ky = 0, kx = 0;
  std::int64_t rows = 0, columns = 0;  ///< Of the block.
};

/// One tile on the arrays.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        box_(tile.box),
        loops_(tile.layer.loops),
        stats_(stats),
        sums_(sums),
        outs_(box_.out1 - box_.out0),
        ins_(box_.in1 - box_.in0),
        positions_(tile.patches.positions()),
        synapses_(tile.synapses.size() / 2),
        fresh_(sums.size(), true) {
    if (!synapses_.empty()) {
      std::memcpy(synapses_.data(), tile.synapses.data(), tile.synapses.size());
    }
    windows_.resize(static_cast<std::size_t>(box_.pixels()));
    for (std::size_t p = 0; p < windows_.size(); ++p) {
      windows_[p].resize(static_cast<std::size_t>(positions_));
      tile.patches.values(static_cast<std::int64_t>(p), windows_[p]);
    }
  }

  /// Groups of output maps outside; one input map after another streams through.
  void run() {
    Pass pass;
    for (pass.out = 0; pass.out < outs_; pass.out += config_.arrays) {
      pass.present = std::min(config_.arrays, outs_ - pass.out);
      for (pass.slice = 0; pass.slice < box_.end[0] - box_.begin[0]; ++pass.slice) {
        for (pass.in = 0; pass.in < ins_; ++pass.in) {
          for (pass.kt = 0; pass.kt < loops_.kernel[0]; ++pass.kt) blocks(pass);
        }
      }
    }
  }

 private:
  void blocks(Pass pass);
  void stream(const Pass& pass);
  void fill(const Pass& pass);
  void cycle(const Pass& pass, std::int64_t pixel);

  const Config& config_;
  const array::ConvTile& tile_;
  const map::TileBox& box_;
  const map::Loops& loops_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, ins_, positions_;
  std::vector<std::int16_t> synapses_;
  std::vector<std::vector<std::int16_t>> windows_;  ///< Per pixel.
  std::vector<bool> fresh_;  ///< No partial sum in NBout yet, per pixel and output.
};

/// All blocks of a slice of the kernel.
void Datapath::blocks(Pass pass) {
  for (pass.ky = 0; pass.ky < loops_.kernel[1]; pass.ky += config_.side) {
    for (pass.kx = 0; pass.kx < loops_.kernel[2]; pass.kx += config_.side) {
      pass.rows = std::min(config_.side, loops_.kernel[1] - pass.ky);
      pass.columns = std::min(config_.side, loops_.kernel[2] - pass.kx);
      stream(pass);
    }
  }
}

void Datapath::stream(const Pass& pass) {
  // 1. The block's synapses go to their PEs while the pass before still runs.
  tally(stats_, Act::synapse_read, pass.present * pass.rows * pass.columns);
  // 2. The part of the input map that the tile needs enters once.
  const std::int64_t t = (box_.begin[0] + pass.slice) * loops_.stride[0] +
                         pass.kt * loops_.dilation[0] - loops_.pad[0];
  if (t >= 0 && t < loops_.in[0]) {
    const auto rows = map::input_range(loops_, 1, box_.begin[1], box_.end[1]);
    const auto columns = map::input_range(loops_, 2, box_.begin[2], box_.end[2]);
    tally(stats_, Act::neuron_read, (rows[1] - rows[0]) * (columns[1] - columns[0]));
  }
  if (config_.fifo_fill) fill(pass);
  // 3. Every cycle the window stands over another pixel.
  const std::int64_t area = (box_.end[1] - box_.begin[1]) * (box_.end[2] - box_.begin[2]);
  for (std::int64_t p = 0; p < area; ++p) cycle(pass, pass.slice * area + p);
}

/// The chain fills, and nothing comes out.
void Datapath::fill(const Pass& pass) {
  const std::int64_t cycles = chain_fill(loops_, box_, pass.rows, pass.columns);
  stats_.cycles += cycles;
  stats_[sim::Cause::fill] += cycles * config_.multipliers();
}

void Datapath::cycle(const Pass& pass, std::int64_t pixel) {
  const std::vector<std::int16_t>& window = windows_[static_cast<std::size_t>(pixel)];
  std::int64_t effectual = 0;
  bool again = false;
  for (std::int64_t a = 0; a < pass.present; ++a) {
    // An array's PEs multiply what stands over them; the products are added up along the chain.
    const std::int64_t out = pass.out + a;
    std::int64_t sum = 0;
    for (std::int64_t y = pass.ky; y < pass.ky + pass.rows; ++y) {
      for (std::int64_t x = pass.kx; x < pass.kx + pass.columns; ++x) {
        const std::int64_t k = (pass.kt * loops_.kernel[1] + y) * loops_.kernel[2] + x;
        const auto position = static_cast<std::size_t>(k * ins_ + pass.in);
        const std::int64_t weight =
            synapses_[static_cast<std::size_t>(out * positions_) + position];
        sum += window[position] * weight;
        effectual += window[position] != 0 && weight != 0;
      }
    }
    const auto at = static_cast<std::size_t>(pixel * outs_ + out);
    again = !fresh_[at];
    fresh_[at] = false;
    sums_[at] += sum;
  }
  // A row of NBout holds the sums of all arrays.
  tally(stats_, Act::sum_read, again);
  tally(stats_, Act::sum_write, again);
  const std::int64_t issued = pass.present * pass.rows * pass.columns;
  ++stats_.cycles;
  stats_.pairs_issued += issued;
  stats_.pairs_effectual += effectual;
  stats_[sim::Cause::work] += effectual;
  stats_[sim::Cause::bubble] += issued - effectual;
  stats_[sim::Cause::underfill] += config_.multipliers() - issued;
  tally(stats_, Act::multiply, issued);
  tally(stats_, Act::add, issued);
  tally(stats_, kShiftAct, issued + pass.present * (pass.rows - 1));
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::systolic_dc
