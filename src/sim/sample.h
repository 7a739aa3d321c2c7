#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "sim/machine.h"

namespace syncopate::sim {

/// Output pixels [begin, end) of an image {T, H, W}.
struct PixelRange {
  std::array<std::int64_t, 3> begin{}, end{};
};

/// Tiles [begin, end) in execution order, which share a block of outputs, at the same pixels: all
/// of the tiles' or some.
struct TilePiece {
  std::int64_t begin = 0, end = 0;
  PixelRange pixels;
  /// All input blocks of these outputs are there, so that sums become results.
  bool results = false;

  /// One of its tiles, cut to its pixels.
  map::TileBox box(const LayerRun& run, std::int64_t tile) const;
};

/// Every tile of a layer, as blocks of outputs.
std::vector<TilePiece> all_pieces(const LayerRun& run);

/// What a sample of about `pairs` operand pairs replays, in order of tiles; at least a pixel. Whole
/// blocks of outputs drawn at random while they fit. Where not even one does: a block cut to as
/// many pixels as fit, somewhere in it; where no pixel of a block fits, a tile cut the same way. So
/// that whole tiles are met too, one takes the place of a cut one with a chance that adds a quarter
/// of `pairs` to the expected cost.
std::vector<TilePiece> draw_pieces(const LayerRun& run, const map::Loops& loops, std::int64_t pairs,
                                   Random& random);

/// Operand pairs of a tile.
std::int64_t pairs_of(const map::Loops& loops, const map::TileBox& box);

}  // namespace syncopate::sim
