#include <algorithm>
#include <vector>

#include "accel/spots/engine.h"
#include "accel/spots/format.h"

namespace syncopate::accel::spots {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// A piece of the array in the middle of a step.
struct Piece {
  std::int64_t step = -1;  ///< Current one; -1 before the first.
  std::int64_t position = 0;
  bool vain = true;         ///< The step has had no position so far.
  std::int64_t active = 0;  ///< Cycles.
};

/// The array at work on one tile.
class Datapath {
 public:
  Datapath(const Config& config, const array::ConvTile& tile, sim::Stats& stats,
           std::span<std::int64_t> sums)
      : config_(config),
        stats_(stats),
        sums_(sums),
        outs_(tile.box.out1 - tile.box.out0),
        pixels_(tile.box.pixels()),
        positions_(tile.patches.positions()),
        height_(config.rows / tile.layer.own_field("pieces", "number")),
        weights_(decode_columns(tile.synapses, tile.index, height_, outs_, positions_)),
        pieces_(static_cast<std::size_t>(config.rows / height_)) {
    neurons_.resize(static_cast<std::size_t>(pixels_ * positions_));
    for (std::int64_t p = 0; p < pixels_; ++p) {
      tile.patches.values(p, std::span(neurons_).subspan(static_cast<std::size_t>(p * positions_),
                                                         static_cast<std::size_t>(positions_)));
    }
  }

  void run();

 private:
  void begin(Piece& piece, std::int64_t step);
  bool skips(const Piece& piece) const;
  void work(Piece& piece);
  std::int64_t columns() const { return ceil_div(pixels_, config_.columns); }
  std::int64_t out0(const Piece& piece) const { return piece.step / columns() * height_; }
  std::int64_t out1(const Piece& piece) const { return std::min(outs_, out0(piece) + height_); }
  std::int64_t pixel0(const Piece& piece) const { return piece.step % columns() * config_.columns; }
  std::int64_t pixel1(const Piece& piece) const {
    return std::min(pixels_, pixel0(piece) + config_.columns);
  }
  std::int64_t present(const Piece& piece) const {
    return (out1(piece) - out0(piece)) * (pixel1(piece) - pixel0(piece));
  }

  const Config& config_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::int64_t outs_, pixels_, positions_, height_;
  std::vector<std::int16_t> weights_;  ///< [filter][position]
  std::vector<std::int16_t> neurons_;  ///< [pixel][position]
  std::vector<Piece> pieces_;
};

/// The bitmaps of both sides are read and compared.
void Datapath::begin(Piece& piece, std::int64_t step) {
  piece.step = step;
  piece.position = 0;
  piece.vain = true;
  tally(stats_, Act::index_read, 2 * ceil_div(positions_, 64));
  tally(stats_, Act::select, positions_);
}

/// Whether the piece's current position is left out.
bool Datapath::skips(const Piece& piece) const {
  bool weight = false, neuron = false;
  for (std::int64_t o = out0(piece); o < out1(piece); ++o) {
    weight = weight || weights_[static_cast<std::size_t>(o * positions_ + piece.position)] != 0;
  }
  for (std::int64_t p = pixel0(piece); p < pixel1(piece); ++p) {
    neuron = neuron || neurons_[static_cast<std::size_t>(p * positions_ + piece.position)] != 0;
  }
  return config_.skip == Skip::either ? !weight || !neuron : !weight && !neuron;
}

/// A cycle of a piece at its current position.
void Datapath::work(Piece& piece) {
  piece.vain = false;
  for (std::int64_t p = pixel0(piece); p < pixel1(piece); ++p) {
    const std::int64_t neuron = neurons_[static_cast<std::size_t>(p * positions_ + piece.position)];
    for (std::int64_t o = out0(piece); o < out1(piece); ++o) {
      const std::int64_t weight =
          weights_[static_cast<std::size_t>(o * positions_ + piece.position)];
      if (neuron == 0) continue;  // Gated.
      sums_[static_cast<std::size_t>(p * outs_ + o)] += neuron * weight;
      stats_.pairs_effectual += weight != 0;
      tally(stats_, Act::multiply, 1);
      tally(stats_, Act::add, 1);
    }
  }
  stats_.pairs_issued += present(piece);
  tally(stats_, Act::neuron_read, 1);
  tally(stats_, Act::synapse_read, 1);
  tally(stats_, kArrange, pixel1(piece) - pixel0(piece));
}

void Datapath::run() {
  const std::int64_t size = height_ * config_.columns;
  const std::int64_t steps = ceil_div(outs_, height_) * columns();
  const auto stride = static_cast<std::int64_t>(pieces_.size());
  for (std::int64_t n = 0; n < stride; ++n) {
    Piece& piece = pieces_[static_cast<std::size_t>(n)];
    for (std::int64_t step = n; step < steps; step += stride) {
      begin(piece, step);
      for (; piece.position < positions_; ++piece.position) {
        if (skips(piece)) continue;
        work(piece);
        ++piece.active;
        stats_[sim::Cause::underfill] += size - present(piece);
      }
      if (!piece.vain) continue;
      ++piece.active;  // Nothing to do takes a cycle to find out.
      stats_[sim::Cause::index] += present(piece);
      stats_[sim::Cause::underfill] += size - present(piece);
    }
    stats_.cycles = std::max(stats_.cycles, piece.active);
  }
  for (const Piece& piece : pieces_) {
    stats_[piece.step >= 0 ? sim::Cause::imbalance : sim::Cause::underfill] +=
        (stats_.cycles - piece.active) * size;
  }
  stats_[sim::Cause::work] += stats_.pairs_effectual;
  stats_[sim::Cause::bubble] += stats_.pairs_issued - stats_.pairs_effectual;
}

}  // namespace

void Engine::clock(const array::ConvTile& tile, sim::Stats& stats,
                   std::span<std::int64_t> sums) const {
  Datapath(config_, tile, stats, sums).run();
}

}  // namespace syncopate::accel::spots
