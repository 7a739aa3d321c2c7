#include <algorithm>
#include <vector>

#include "accel/swallow/engine.h"
#include "array/bitmap_format.h"

namespace syncopate::accel::swallow {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A PE until the next barrier: a block of input maps of one pixel and one kernel.
struct Pe {
  std::int64_t pixel = 0, out = 0, block = 0;
  std::int64_t k = 0, in = 0;  ///< Position that its matching logic has come to.
};

/// The array at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        stats_(stats),
        sums_(sums),
        by_blocks_(Config::by_blocks(tile.layer.loops)),
        kernel_(tile.layer.loops.kernel_size()),
        outs_(tile.box.out1 - tile.box.out0),
        ins_(tile.box.in1 - tile.box.in0),
        pixels_(tile.box.pixels()),
        block_(tile.layer.own_field("barrier", "channels")),
        weights_(array::decode_bitmap(tile.synapses, tile.index, outs_, kernel_ * ins_)) {
    neurons_.resize(static_cast<std::size_t>(pixels_ * kernel_ * ins_));
    for (std::int64_t p = 0; p < pixels_; ++p) {
      tile.patches.values(p,
                          std::span(neurons_).subspan(static_cast<std::size_t>(p * kernel_ * ins_),
                                                      static_cast<std::size_t>(kernel_ * ins_)));
    }
  }

  void run();

 private:
  void wave(std::int64_t out, std::int64_t pixel, std::int64_t block);
  void enter(std::vector<Pe>& pes);
  bool multiply(Pe& pe);
  std::int64_t blocks() const { return ceil_div(ins_, block_); }
  std::int64_t end_of(std::int64_t block) const { return std::min(ins_, (block + 1) * block_); }
  /// 32 positions of a mask at a time.
  std::int64_t units(std::int64_t block) const {
    return ceil_div(kernel_ * (end_of(block) - block * block_), 32);
  }
  std::int64_t nonzeros(const std::vector<std::int16_t>& of, std::int64_t row,
                        std::int64_t block) const;

  const Config& config_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  bool by_blocks_;
  std::int64_t kernel_, outs_, ins_, pixels_, block_;
  std::vector<std::int16_t> weights_;  ///< [output][kernel position][input]
  std::vector<std::int16_t> neurons_;  ///< [pixel][kernel position][input]
};

std::int64_t Datapath::nonzeros(const std::vector<std::int16_t>& of, std::int64_t row,
                                std::int64_t block) const {
  std::int64_t found = 0;
  for (std::int64_t k = 0; k < kernel_; ++k) {
    for (std::int64_t in = block * block_; in < end_of(block); ++in) {
      found += of[static_cast<std::size_t>((row * kernel_ + k) * ins_ + in)] != 0;
    }
  }
  return found;
}

/// The PE's next pair; false when its block has no more.
bool Datapath::multiply(Pe& pe) {
  const std::int64_t end = end_of(pe.block);
  for (; pe.k < kernel_; ++pe.k, pe.in = pe.block * block_) {
    for (; pe.in < end; ++pe.in) {
      const std::int64_t weight =
          weights_[static_cast<std::size_t>((pe.out * kernel_ + pe.k) * ins_ + pe.in)];
      const std::int64_t neuron =
          neurons_[static_cast<std::size_t>((pe.pixel * kernel_ + pe.k) * ins_ + pe.in)];
      if (weight == 0 || neuron == 0) continue;
      sums_[static_cast<std::size_t>(pe.pixel * outs_ + pe.out)] += weight * neuron;
      ++pe.in;
      return true;
    }
  }
  return false;
}

/// Masks and values of a wave pass through the array.
void Datapath::enter(std::vector<Pe>& pes) {
  for (Pe& pe : pes) {
    pe.in = pe.block * block_;
    tally(stats_, kPass, units(pe.block));
  }
}

/// All PEs until the barrier: of the kernels from `out` on, and the pixels (or blocks) from there.
void Datapath::wave(std::int64_t out, std::int64_t pixel, std::int64_t block) {
  const std::int64_t out1 = std::min(outs_, out + config_.columns);
  const std::int64_t first = by_blocks_ ? block : pixel;
  const std::int64_t last = std::min(by_blocks_ ? blocks() : pixels_, first + config_.rows);
  std::vector<Pe> pes;
  for (std::int64_t row = first; row < last; ++row) {
    const std::int64_t p = by_blocks_ ? pixel : row, b = by_blocks_ ? row : block;
    tally(stats_, Act::neuron_read, ceil_div(nonzeros(neurons_, p, b), config_.rows));
    tally(stats_, Act::index_read, units(b));
    for (std::int64_t o = out; o < out1; ++o) pes.push_back({p, o, b});
  }
  for (std::int64_t o = out; o < out1; ++o) {
    for (std::int64_t b = block; b < (by_blocks_ ? last : block + 1); ++b) {
      tally(stats_, Act::synapse_read, ceil_div(nonzeros(weights_, o, b), config_.columns));
      tally(stats_, Act::index_read, units(b));
    }
  }
  enter(pes);
  const auto present = static_cast<std::int64_t>(pes.size());
  std::int64_t cycles = 0;
  for (;; ++cycles) {
    std::int64_t working = 0;
    for (Pe& pe : pes) working += multiply(pe);
    if (working == 0 && cycles >= config_.block_cycles) break;
    stats_.pairs_issued += working;
    stats_.pairs_effectual += working;
    stats_[sim::Cause::work] += working;
    // While any PE works the others wait for it; else all wait for the block's least time.
    stats_[working > 0 ? sim::Cause::imbalance : sim::Cause::index] += present - working;
    stats_[sim::Cause::underfill] += config_.pes() - present;
    tally(stats_, Act::multiply, working);
    tally(stats_, Act::add, working);
    tally(stats_, kMatch, working);
  }
  stats_.cycles += cycles;
}

void Datapath::run() {
  for (std::int64_t out = 0; out < outs_; out += config_.columns) {
    const std::int64_t block_step = by_blocks_ ? config_.rows : 1;
    const std::int64_t pixel_step = by_blocks_ ? 1 : config_.rows;
    for (std::int64_t block = 0; block < blocks(); block += block_step) {
      for (std::int64_t pixel = 0; pixel < pixels_; pixel += pixel_step) wave(out, pixel, block);
    }
  }
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::swallow
