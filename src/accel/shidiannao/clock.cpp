#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/shidiannao/engine.h"
#include "array/actions.h"

namespace syncopate::accel::shidiannao {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// One tile on the PE array.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        tile_(tile),
        loops_(tile.layer.loops),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        ins_(tile.box.in1 - tile.box.in0),
        positions_(tile.patches.positions()),
        down_(shift_of(loops_, 1)),
        right_(shift_of(loops_, 2)),
        synapses_(tile.synapses.size() / 2) {
    if (!synapses_.empty()) {
      std::memcpy(synapses_.data(), tile.synapses.data(), tile.synapses.size());
    }
  }

  /// Blocks of pixels outside, output maps inside.
  void run_pixels() {
    const map::TileBox& box = tile_.box;
    for (std::int64_t t = 0; t < box.end[0] - box.begin[0]; ++t) {
      for (std::int64_t y = 0; y < box.end[1] - box.begin[1]; y += config_.rows) {
        for (std::int64_t x = 0; x < box.end[2] - box.begin[2]; x += config_.columns) {
          place(t, y, x);
          for (std::int64_t out = 0; out < outs_; ++out) map(out);
        }
      }
    }
  }
  void run_outputs();

 private:
  void place(std::int64_t t, std::int64_t y, std::int64_t x);
  void map(std::int64_t out);
  void slice(std::int64_t out, std::int64_t in, std::int64_t kt);
  std::int16_t neuron(std::int64_t i, std::int64_t j, std::int64_t ky, std::int64_t kx,
                      std::int64_t in, std::int64_t kt);
  void book(std::int64_t issued, std::int64_t effectual);
  std::int16_t synapse(std::int64_t out, std::int64_t position) const {
    return synapses_[static_cast<std::size_t>(out * positions_ + position)];
  }
  std::size_t pe(std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(i * width_ + j);
  }

  const Config& config_;
  const array::ConvTile& tile_;
  const map::Loops& loops_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, ins_, positions_;
  std::int64_t down_, right_;  ///< See shift_of.
  std::vector<std::int16_t> synapses_;

  std::int64_t height_ = 0, width_ = 0;             ///< PEs at work.
  std::vector<std::int64_t> pixels_;                ///< Of each, in the tile.
  std::vector<std::vector<std::int16_t>> windows_;  ///< Their neurons, as NBin would deliver them.
  /// Neurons used so far in the slice in work, [kernel position][PE]: what FIFO-H and FIFO-V hold.
  std::vector<std::vector<std::int16_t>> used_;
  std::int64_t read_ = 0;  ///< From NBin in this cycle.
};

/// Gives the PEs a block of pixels.
void Datapath::place(std::int64_t t, std::int64_t y, std::int64_t x) {
  const map::TileBox& box = tile_.box;
  const std::int64_t rows = box.end[1] - box.begin[1], columns = box.end[2] - box.begin[2];
  height_ = std::min(config_.rows, rows - y);
  width_ = std::min(config_.columns, columns - x);
  pixels_.clear();
  windows_.resize(static_cast<std::size_t>(height_ * width_));
  for (std::int64_t i = 0; i < height_; ++i) {
    for (std::int64_t j = 0; j < width_; ++j) {
      pixels_.push_back((t * rows + y + i) * columns + x + j);
      std::vector<std::int16_t>& window = windows_[pe(i, j)];
      window.resize(static_cast<std::size_t>(positions_));
      tile_.patches.values(pixels_.back(), window);
    }
  }
  used_.assign(static_cast<std::size_t>(loops_.kernel[1] * loops_.kernel[2]),
               std::vector<std::int16_t>(windows_.size()));
}

/// One output map at the pixels placed; the PEs keep their sums meanwhile.
void Datapath::map(std::int64_t out) {
  for (std::int64_t in = 0; in < ins_; ++in) {
    for (std::int64_t kt = 0; kt < loops_.kernel[0]; ++kt) slice(out, in, kt);
  }
}

/// One slice of the kernel on one input map, a position a cycle.
void Datapath::slice(std::int64_t out, std::int64_t in, std::int64_t kt) {
  for (std::int64_t ky = 0; ky < loops_.kernel[1]; ++ky) {
    for (std::int64_t kx = 0; kx < loops_.kernel[2]; ++kx) {
      const std::int64_t k = ky * loops_.kernel[2] + kx;
      const std::int64_t position = (kt * loops_.kernel[1] * loops_.kernel[2] + k) * ins_ + in;
      // 1. SB sends one synapse to all PEs.
      const std::int16_t weight = synapse(out, position);
      tally(stats_, Act::synapse_read, 1);
      std::int64_t effectual = 0;
      read_ = 0;
      for (std::int64_t i = 0; i < height_; ++i) {
        for (std::int64_t j = 0; j < width_; ++j) {
          // 2. Every PE takes its neuron, from NBin or from a neighbor.
          const std::int16_t value = neuron(i, j, ky, kx, in, kt);
          used_[static_cast<std::size_t>(k)][pe(i, j)] = value;
          // 3. It multiplies and adds.
          sums_[static_cast<std::size_t>(pixels_[pe(i, j)] * outs_ + out)] +=
              std::int64_t{value} * weight;
          effectual += value != 0 && weight != 0;
        }
      }
      tally(stats_, Act::neuron_read, ceil_div(read_, config_.columns));
      book(height_ * width_, effectual);
    }
  }
}

std::int16_t Datapath::neuron(std::int64_t i, std::int64_t j, std::int64_t ky, std::int64_t kx,
                              std::int64_t in, std::int64_t kt) {
  const std::int64_t kw = loops_.kernel[2];
  if (ky >= down_ && i + 1 < height_) {
    tally(stats_, kPassAct, 1);
    return used_[static_cast<std::size_t>((ky - down_) * kw + kx)][pe(i + 1, j)];
  }
  if (kx >= right_ && j + 1 < width_) {
    tally(stats_, kPassAct, 1);
    return used_[static_cast<std::size_t>(ky * kw + kx - right_)][pe(i, j + 1)];
  }
  ++read_;
  const std::int64_t position = ((kt * loops_.kernel[1] + ky) * kw + kx) * ins_ + in;
  return windows_[pe(i, j)][static_cast<std::size_t>(position)];
}

/// A fully connected layer: a neuron goes to all PEs, each has an output and its own synapse.
void Datapath::run_outputs() {
  std::vector<std::int16_t> neurons(static_cast<std::size_t>(positions_));
  tile_.patches.values(0, neurons);
  for (std::int64_t out = 0; out < outs_; out += config_.pes()) {
    const std::int64_t present = std::min(config_.pes(), outs_ - out);
    for (std::int64_t in = 0; in < ins_; ++in) {
      const std::int16_t value = neurons[static_cast<std::size_t>(in)];
      std::int64_t effectual = 0;
      for (std::int64_t p = 0; p < present; ++p) {
        const std::int16_t weight = synapse(out + p, in);
        sums_[static_cast<std::size_t>(out + p)] += std::int64_t{value} * weight;
        effectual += value != 0 && weight != 0;
      }
      tally(stats_, Act::neuron_read, 1);
      tally(stats_, Act::synapse_read, present);
      book(present, effectual);
    }
  }
}

/// One cycle.
void Datapath::book(std::int64_t issued, std::int64_t effectual) {
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
  Datapath datapath(config_, tile, stats, sums);
  if (config_.by_outputs(tile.layer.loops)) {
    datapath.run_outputs();
  } else {
    datapath.run_pixels();
  }
}

}  // namespace syncopate::accel::shidiannao
