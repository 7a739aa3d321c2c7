#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "array/block_moves.h"
#include "array/envelope.h"
#include "array/sequence.h"
#include "sim/machine.h"

namespace syncopate::array {

/// How long each tile of a layer computes: an entry per tile, or, where the place of its pixels
/// does not matter, per block of weights and shape.
class TileCycles {
 public:
  /// Shapes that the pixel blocks of a layer have: whole or cut at the end, in each dimension.
  static constexpr std::int64_t kShapes = 8;
  enum class Per : std::uint8_t { tile, shape };
  TileCycles(const map::TileOrder& order, std::int64_t groups, Per per)
      : order_(order),
        per_(per),
        cycles_(static_cast<std::size_t>(per == Per::tile ? order.size()
                                                          : groups * order.out_blocks() *
                                                                order.in_blocks() * kShapes)) {}

  std::int64_t& at(std::int64_t number, const map::TileStep& step) {
    return cycles_[index(number, step)];
  }
  std::int64_t at(std::int64_t number, const map::TileStep& step) const {
    return cycles_[index(number, step)];
  }

 private:
  std::size_t index(std::int64_t number, const map::TileStep& s) const {
    if (per_ == Per::tile) return static_cast<std::size_t>(number);
    std::int64_t shape = (s.group * order_.out_blocks() + s.out) * order_.in_blocks() + s.in;
    for (std::size_t d = 0; d < 3; ++d) {
      shape = shape * 2 + (s.pixel[d] == order_.pixel_blocks()[d] - 1);
    }
    return static_cast<std::size_t>(shape);
  }

  const map::TileOrder& order_;
  Per per_;
  std::vector<std::int64_t> cycles_;
};

/// What a layer's tiles move, with true sizes.
class LayerTraffic {
 public:
  /// Works in parallel; adds what all tiles do at the buffers' DMA side and at DRAM to `stats`.
  LayerTraffic(const DecodedLayer& layer, const TileSequence& sequence, const NeuronSizes& sizes,
               const Envelope& envelope, sim::Stats& stats);

  /// Appends the times of tiles [begin, end), with or without their transfers.
  void list(std::int64_t begin, std::int64_t end, const TileCycles& cycles, bool transfers,
            sim::TileTimes& times) const;

 private:
  void book_weights(const Envelope& envelope, sim::Stats& stats);
  void list_tile(std::int64_t number, const map::TileStep& step, bool transfers,
                 sim::TileTimes& times) const;

  const map::TileOrder& order_;
  BlockMoves loads_, stores_;
  sim::Transfer table_;  ///< No bytes without one.
  /// Per segment its synapses and index; transfers of no bytes are absent.
  std::span<const DirectoryEntry> directory_;
};

}  // namespace syncopate::array
