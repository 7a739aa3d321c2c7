#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"
#include "sim/program.h"

// Neurons in DRAM lie as [batch][group][channel block][T][H][W][channel within its block], so that
// the block of channels which one row of the neuron buffer holds is contiguous for every pixel
// [assumed; the published machines do not say].

namespace syncopate::array {

/// Channels per block.
inline constexpr std::int64_t kBlock = 16;
/// Bytes of a neuron in DRAM.
inline constexpr std::int64_t kNeuronBytes = 2;

/// An activation tensor as a layer reads or writes it.
struct NeuronMap {
  std::int64_t batch = 1, groups = 1;
  std::int64_t channels = 1;  ///< Per group.
  std::array<std::int64_t, 3> extent{1, 1, 1};

  static NeuronMap input(const map::Loops& loops);
  static NeuronMap output(const map::Loops& loops);
  std::int64_t plane() const { return extent[0] * extent[1] * extent[2]; }
};

/// A part of a map that one DMA transfer moves.
struct Piece {
  std::int64_t batch = 0, group = 0;
  std::int64_t channel0 = 0, channel1 = 0;  ///< Within the group; block boundaries.
  std::array<std::int64_t, 3> low{}, high{};
  std::int64_t offset = 0;        ///< Of the first element in the map, in elements.
  std::int64_t runs = 1;          ///< Contiguous stretches
  std::int64_t run_elements = 0;  ///< of this many elements
  std::int64_t pitch = 0;         ///< that begin this many elements apart.

  std::int64_t elements() const { return runs * run_elements; }
};

/// Pieces of the channels [channel0, channel1) of a group (starting at a block boundary and ending
/// at one or at the last channel) within the box [low, high); none when the box is empty. Runs go
/// over rows or over blocks of channels, whichever makes fewer pieces. Appends.
void cut(const NeuronMap& map, std::int64_t batch, std::int64_t group, std::int64_t channel0,
         std::int64_t channel1, const std::array<std::int64_t, 3>& low,
         const std::array<std::int64_t, 3>& high, std::vector<Piece>& pieces);
/// What a tile reads of one input operand, and what it writes.
void input_pieces(const map::Loops& loops, const map::TileBox& box, std::vector<Piece>& pieces);
void output_pieces(const map::Loops& loops, const map::TileBox& box, std::vector<Piece>& pieces);

/// The dense transfer of a piece of a map at `base`. With `bitmap`, one bit per neuron comes on top
/// of every run: the most that compressed neurons can take.
sim::Transfer transfer_of(const Piece& piece, sim::Stream stream, std::uint64_t base, bool bitmap);

/// Counts the non-zero neurons of pieces: sums over rectangles, per channel block.
class Density {
 public:
  Density(const NeuronMap& map, const sim::BitPlane& bits);
  /// Values in order [batch][T][H][W][groups*channels].
  Density(const NeuronMap& map, std::span<const std::int16_t> values);
  std::int64_t nonzero(const Piece& piece) const;
  /// Bytes of a piece as one bit per neuron plus the non-zero values.
  std::int64_t bitmap_bytes(const Piece& piece) const {
    return (piece.elements() + 7) / 8 + kNeuronBytes * nonzero(piece);
  }

 private:
  template <class Count>
  void build(const Count& count);

  NeuronMap map_;
  std::int64_t blocks_ = 0;
  std::vector<std::int32_t> sums_;  ///< [batch][group][block][T][H+1][W+1], sums over [0,y)x[0,x).
};

}  // namespace syncopate::array
