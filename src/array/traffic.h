#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

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

/// What a layer's tiles move, with true sizes: every list of transfers once, however many tiles use
/// it. Tiles of a convolution that read the same neurons share one.
class LayerTraffic {
 public:
  /// Works in parallel; adds what all tiles do at the buffers' DMA side and at DRAM to `stats`.
  LayerTraffic(const DecodedLayer& layer, const TileSequence& sequence, const NeuronSizes& sizes,
               const Envelope& envelope, sim::Stats& stats);

  /// Appends the times of tiles [begin, end).
  void list(std::int64_t begin, std::int64_t end, const TileCycles& cycles,
            sim::TileTimes& times) const;

 private:
  /// Lists of transfers by number, made concurrently some at a time.
  class Lists {
   public:
    static constexpr std::int64_t kPiece = 128;
    explicit Lists(std::int64_t size)
        : pieces_(static_cast<std::size_t>((size + kPiece - 1) / kPiece)), size_(size) {}
    /// Calls make(number, transfers, stats) to append each list.
    template <class Make>
    void fill(const Make& make, sim::Stats& stats);
    std::span<const sim::Transfer> operator[](std::int64_t number) const {
      const Piece& piece = pieces_[static_cast<std::size_t>(number / kPiece)];
      const auto at = static_cast<std::size_t>(number % kPiece);
      return {piece.transfers.data() + piece.begin[at], piece.begin[at + 1] - piece.begin[at]};
    }

   private:
    struct Piece {
      std::array<std::uint32_t, kPiece + 1> begin{};
      std::vector<sim::Transfer> transfers;
    };
    std::vector<Piece> pieces_;
    std::int64_t size_;
  };

  void fill_loads(const NeuronSizes& sizes, const Envelope& envelope, sim::Stats& stats);
  void fill_stores(const NeuronSizes& sizes, const Envelope& envelope, sim::Stats& stats);
  void list_weights(const Envelope& envelope, sim::Stats& stats);

  const DecodedLayer& layer_;
  const map::TileOrder& order_;
  bool shared_;  ///< Lists of loads are per operand block, else per tile.
  Lists loads_, stores_;
  std::vector<sim::Transfer> table_;
  /// Per segment its synapses and index; transfers of no bytes are absent.
  std::span<const DirectoryEntry> directory_;
};

}  // namespace syncopate::array
