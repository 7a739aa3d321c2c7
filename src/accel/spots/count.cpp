#include <algorithm>
#include <vector>

#include "accel/spots/engine.h"
#include "array/bit_counter.h"
#include "array/masks.h"
#include "sim/bits.h"

namespace syncopate::accel::spots {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

/// One tile's neurons: where any pixel of a group has one, and how many pixels have.
struct Rows {
  std::vector<std::uint64_t> any;  ///< [group of pixels][word]
  sim::BitCounter counts;
  std::int64_t nonzero = 0;  ///< Of all windows.
};

/// Positions of a step that are not left out.
std::int64_t kept(const std::uint64_t* weights, const std::uint64_t* neurons, std::int64_t words,
                  Skip skip) {
  const std::int64_t common = sim::count_common(weights, neurons, words);
  if (skip == Skip::either) return common;
  return sim::count_bits(weights, words) + sim::count_bits(neurons, words) - common;
}

class Counter : public array::ConvCounter {
 public:
  Counter(const Config& config, const sim::LayerData& data, const array::DecodedLayer& layer)
      : config_(config),
        kernel_(data.loops().kernel_size()),
        pieces_(config.pieces(data.loops().outs)),
        height_(config.height(data.loops().outs)),
        masks_(data, layer.tiling, height_),
        words_(masks_.words()) {}

  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override;

 private:
  void load(const array::PixelMasks& neurons, Rows& rows) const;
  void book_step(std::int64_t found, std::int64_t present, sim::Stats& stats) const;

  const Config& config_;
  std::int64_t kernel_, pieces_, height_;
  array::SharedMasks masks_;  ///< Where any filter of a piece has a weight.
  std::int64_t words_;
};

void Counter::load(const array::PixelMasks& neurons, Rows& rows) const {
  const std::int64_t groups = ceil_div(neurons.pixels(), config_.columns);
  rows.any.assign(static_cast<std::size_t>(groups * words_), 0);
  for (std::int64_t pixel = 0; pixel < neurons.pixels(); ++pixel) {
    std::uint64_t* to = rows.any.data() + pixel / config_.columns * words_;
    for (std::int64_t w = 0; w < words_; ++w) to[w] |= neurons.row(pixel)[w];
  }
  rows.counts.reset(words_);
  rows.counts.add(neurons.rows(), neurons.pixels());
  rows.nonzero = sim::count_bits(neurons.rows(), neurons.pixels() * words_);
}

/// A step of so many positions on so many PEs of a piece.
void Counter::book_step(std::int64_t found, std::int64_t present, sim::Stats& stats) const {
  const std::int64_t cycles = std::max<std::int64_t>(1, found);
  stats.pairs_issued += found * present;
  stats[sim::Cause::work] += found * present;
  stats[sim::Cause::index] += (cycles - found) * present;
  stats[sim::Cause::underfill] += cycles * (height_ * config_.columns - present);
}

void Counter::count(const map::TileBox& box, const array::PixelMasks& neurons,
                    sim::Stats& stats) const {
  const Rows& rows = neurons.derived<Rows>([&](Rows& made) { load(neurons, made); });
  const std::int64_t pixels = box.pixels(), positions = (box.in1 - box.in0) * kernel_;
  std::vector<std::int64_t> busy(static_cast<std::size_t>(pieces_), 0);
  std::int64_t steps = 0, multiplied = 0, all = 0;
  for (std::int64_t out = box.out0; out < box.out1; out += height_) {
    const std::uint64_t* weights = masks_.mask(masks_.entry(box.group, out, box.in0));
    const std::int64_t filters = std::min(height_, box.out1 - out);
    for (std::int64_t first = 0; first < pixels; first += config_.columns, ++steps) {
      const std::uint64_t* any = rows.any.data() + first / config_.columns * words_;
      const std::int64_t found = kept(weights, any, words_, config_.skip);
      const std::int64_t side = std::min(config_.columns, pixels - first);
      book_step(found, filters * side, stats);
      busy[static_cast<std::size_t>(steps % pieces_)] += std::max<std::int64_t>(1, found);
      all += found;
      tally(stats, kArrange, found * side);
    }
    // A neuron that is not zero meets the group's filters, if its position is not left out.
    const std::span<const std::uint64_t> positions_kept(weights, static_cast<std::size_t>(words_));
    multiplied += filters * (config_.skip == Skip::either
                                 ? array::dot(rows.counts.all(), positions_kept, words_)
                                 : rows.nonzero);
  }
  const std::int64_t cycles = *std::max_element(busy.begin(), busy.end());
  stats.cycles += cycles;
  for (std::int64_t piece = 0; piece < pieces_; ++piece) {
    stats[piece < steps ? sim::Cause::imbalance : sim::Cause::underfill] +=
        (cycles - busy[static_cast<std::size_t>(piece)]) * height_ * config_.columns;
  }
  tally(stats, Act::multiply, multiplied);
  tally(stats, Act::add, multiplied);
  tally(stats, Act::neuron_read, all);
  tally(stats, Act::synapse_read, all);
  tally(stats, Act::index_read, steps * 2 * ceil_div(positions, 64));
  tally(stats, Act::select, steps * positions);
}

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer& layer) const {
  return std::make_unique<Counter>(config_, data, layer);
}

}  // namespace syncopate::accel::spots
