#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "accel/sense/config.h"
#include "array/program.h"
#include "map/tiling.h"

// What the controller knows of a layer before it sees an operand: tiles of PEs, stride phases,
// channels of a PE.

namespace syncopate::accel::sense {

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};
/// A box of pixels {T, H, W}.
using Area = std::array<Range, 3>;
inline std::int64_t pixels(const Area& a) { return a[0].size() * a[1].size() * a[2].size(); }

/// The side of a PE's tile for a layer: Config::tile, or the one among 7, 13, 14 and 16 that fits
/// the PE's partial sums and makes the fewest products of dense operands; then the fewest tiles,
/// then the smallest.
std::int64_t choose_side(const Config& config, const map::Loops& loops);
/// Outputs {T, H, W} that a block is made of: a PE's tile, or those that share a pass, as many as
/// both buffers' halves hold, in the rectangle that makes the fewest passes; then the least halo.
std::array<std::int64_t, 3> choose_pixels(const Config& config, const map::Loops& loops);

/// How a convolution tile is cut for the array.
///
/// A *unit* is what one row of PEs works on in a pass: an input channel, or a vector of channels
/// where kernels have a single weight. A PE's products of one unit and output are a sum over
/// *features* of a number of inputs times a number of weights: in match mode a feature is a kernel
/// position, in cartesian mode a phase of the stride (inputs meet the weights of their phase only).
class Geometry {
 public:
  Geometry(const Config& config, const array::DecodedLayer& layer);

  std::int64_t side() const { return side_; }
  /// Channels of a unit.
  std::int64_t vector() const { return vector_; }
  /// One weight per kernel and a single pixel: units are blocks of inputs.
  bool fully_connected() const { return flat_ && loops_.pixels() == 1; }
  std::int64_t units(std::int64_t channels) const { return (channels - 1) / vector_ + 1; }

  /// PE tiles that a pass works on: more than one, each in its own group of rows, where a layer's
  /// units fill at most half of the rows.
  std::int64_t tiles_of_pass() const { return tiles_of_pass_; }

  /// Outputs of a tile, PE tile by PE tile.
  std::vector<Area> subtiles(const map::TileBox& box) const;
  /// Inputs under a box of outputs, halo included, clipped to the map.
  Area inputs(const Area& outputs) const;
  /// The phase of an input or of a kernel position.
  std::int64_t input_phase(const std::array<std::int64_t, 3>& input) const;
  std::int64_t tap_phase(std::int64_t position) const {
    return tap_phases_[static_cast<std::size_t>(position)];
  }
  std::int64_t phases() const { return loops_.stride[0] * loops_.stride[1] * loops_.stride[2]; }
  /// Offset of a kernel position, dilated.
  const std::array<std::int64_t, 3>& offset(std::int64_t position) const {
    return offsets_[static_cast<std::size_t>(position)];
  }
  const map::Loops& loops() const { return loops_; }

 private:
  map::Loops loops_;
  std::int64_t side_, vector_ = 1, tiles_of_pass_ = 1;
  bool flat_;  ///< Kernels have a single weight.
  std::vector<std::array<std::int64_t, 3>> offsets_;
  std::vector<std::int64_t> tap_phases_;
};

}  // namespace syncopate::accel::sense
