#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"
#include "sim/program.h"

// Neurons in DRAM lie as [batch][group][channel block][T][H][W][channel within its block], so that
// the block of channels which one row of the neuron buffer holds is contiguous for every pixel
// [assumed; the published machines do not say]. With blocks of one channel they lie map by map.

namespace syncopate::array {

/// Bytes of a neuron's value in DRAM.
inline constexpr std::int64_t kNeuronBytes = 2;

/// How a machine stores neurons in DRAM. Bits are those of values and of what is kept with them:
/// 16 and 0 is dense, 1 and 16 a bitmap with the non-zero values, 20 and 0 values with offsets, 0
/// and 21 with 5 run bits a run-length code. Every neuron keeps its dense place whatever it takes,
/// so that addresses are known beforehand.
struct NeuronFormat {
  std::int64_t block = 16;        ///< Channels per block; the grains of all layers are multiples.
  std::int64_t bits = 16;         ///< Of every neuron.
  std::int64_t nonzero_bits = 0;  ///< On top, of every neuron that is not zero.
  /// Of `bits`, those kept beside the value on chip too, in the index memory; without them neurons
  /// are dense on chip.
  std::int64_t offset_bits = 0;
  /// Of a run-length code: an entry stands for a value and up to 2^run_bits - 1 zeros before it in
  /// its map (T, H, W); of a longer run every 2^run_bits-th zero is stored like a value. 0: no
  /// runs, an entry is a neuron that is not zero.
  std::int64_t run_bits = 0;
  /// Entries in a word of 64 bits, which none of them straddles; 0: packed without gaps.
  std::int64_t word_entries = 0;

  bool dense() const { return bits == 8 * kNeuronBytes && nonzero_bits == 0; }
  /// Sizes depend on the values.
  bool varies() const { return nonzero_bits != 0; }
  std::int64_t bytes(std::int64_t elements, std::int64_t entries) const {
    if (word_entries > 0) return (entries + word_entries - 1) / word_entries * 8;
    return (elements * bits + entries * nonzero_bits + 7) / 8;
  }
  bool operator==(const NeuronFormat&) const = default;
};

/// An activation tensor as a layer reads or writes it.
struct NeuronMap {
  std::int64_t batch = 1, groups = 1;
  std::int64_t channels = 1;  ///< Per group.
  std::array<std::int64_t, 3> extent{1, 1, 1};
  std::int64_t block = NeuronFormat{}.block;  ///< Channels that lie together.

  static NeuronMap input(const map::Loops& loops, const NeuronFormat& format);
  static NeuronMap output(const map::Loops& loops, const NeuronFormat& format);
  std::int64_t plane() const { return extent[0] * extent[1] * extent[2]; }
};

/// Where something begins in a map, or how far from something else.
struct Place {
  std::int64_t batch = 0, group = 0;
  std::int64_t channel = 0;  ///< Within the group; a multiple of the block.
  std::array<std::int64_t, 3> low{};
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

/// From a piece to one of the same shape that lies so much further, in elements.
std::int64_t distance(const NeuronMap& map, const Piece& piece, const Place& further);

/// Pieces of the channels [channel0, channel1) of a group (starting at a block boundary and ending
/// at one or at the last channel) within the box [low, high); none when the box is empty. Runs go
/// over rows or over blocks of channels, whichever makes fewer pieces. Appends.
void cut(const NeuronMap& map, std::int64_t batch, std::int64_t group, std::int64_t channel0,
         std::int64_t channel1, const std::array<std::int64_t, 3>& low,
         const std::array<std::int64_t, 3>& high, std::vector<Piece>& pieces);
/// What a tile reads of one input operand, and what it writes. Appends.
void input_pieces(const map::Loops& loops, const NeuronFormat& format, const map::TileBox& box,
                  std::vector<Piece>& pieces);
void output_pieces(const map::Loops& loops, const NeuronFormat& format, const map::TileBox& box,
                   std::vector<Piece>& pieces);

/// The transfer of a piece of a map at `base`, none of whose neurons is zero: the most it can take.
sim::Transfer transfer_of(const Piece& piece, sim::Stream stream, std::uint64_t base,
                          const NeuronFormat& format);

/// Marks the entries of a run-length code in the non-zero mask of a map, one row per (batch, t, y,
/// x), one bit per channel of all groups: the bits set already, and the zeros that are stored. A
/// part of a map takes the entries that lie in it [assumed: the code can be entered anywhere].
void mark_entries(const NeuronMap& map, std::int64_t run_bits, sim::BitPlane& bits);

/// Counts the entries of pieces: sums over rectangles, per channel block.
class Density {
 public:
  Density(const NeuronMap& map, std::int64_t run_bits, const sim::BitPlane& bits);
  /// Values in order [batch][T][H][W][groups*channels].
  Density(const NeuronMap& map, std::int64_t run_bits, std::span<const std::int16_t> values);
  std::int64_t entries(const Piece& piece) const { return entries(corners(piece), 0); }

  /// Where a piece stands in the table; pieces of one shape differ by a distance alone.
  struct Corners {
    std::array<std::int64_t, 4> plus{}, minus{};  ///< Of its first slice.
    std::int64_t slices = 0;
  };
  Corners corners(const Piece& piece) const;
  /// In the table, from one piece to another that lies so much further.
  std::int64_t distance(const Place& further) const;
  std::int64_t entries(const Corners& corners, std::int64_t distance) const;

 private:
  /// `lines` gives the masks of a line's pixels (by the row of its first one), each of all
  /// channels in whole words, or fills and gives scratch.
  template <class Lines>
  void build(const Lines& lines);
  template <class Lines>
  void sum_line(std::int64_t line, const Lines& lines);
  std::int64_t index(std::int64_t slice, std::int64_t y, std::int64_t x, std::int64_t block) const {
    return ((slice * (map_.extent[1] + 1) + y) * (map_.extent[2] + 1) + x) * (blocks_ + 1) + block;
  }

  NeuronMap map_;
  std::int64_t blocks_ = 0;
  /// [batch][group][T][H+1][W+1][blocks+1], sums over [0,y) x [0,x) x [0,block) modulo 2^32.
  std::unique_ptr<std::uint32_t[]> sums_;
};

}  // namespace syncopate::array
