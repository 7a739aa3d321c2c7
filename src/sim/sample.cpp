#include "sim/sample.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace syncopate::sim {
namespace {

/// What a result through the post takes, in pairs, about.
constexpr std::int64_t kPairsPerOutput = 8;
/// What whole tiles add to the expected cost of a sample, as a share of its budget.
constexpr double kWholeTiles = 0.25;

/// The whole block of outputs that a tile belongs to: its input blocks.
TilePiece block_around(const LayerRun& run, std::int64_t tile) {
  TilePiece block{tile, tile + 1, {}, true};
  while (!run.box(block.begin).first) {
    if (--block.begin < 0) broken("a layer's first tile continues a block of outputs");
  }
  while (block.end < run.tiles() && !run.box(block.end).first) ++block.end;
  const map::TileBox box = run.box(block.begin);
  block.pixels = {box.begin, box.end};
  return block;
}

TilePiece whole_tile(const LayerRun& run, std::int64_t tile) {
  const map::TileBox box = run.box(tile);
  return {tile, tile + 1, {box.begin, box.end}, box.first && box.last};
}

std::int64_t pairs_in(const LayerRun& run, const map::Loops& loops, const TilePiece& piece) {
  std::int64_t pairs = 0;
  for (std::int64_t t = piece.begin; t < piece.end; ++t) {
    pairs += pairs_of(loops, piece.box(run, t));
  }
  return pairs;
}

/// At most `pixels` of a range, at least one: whole rows where they fit, anywhere inside.
PixelRange cut(const PixelRange& range, std::int64_t pixels, Random& random) {
  PixelRange part;
  for (std::size_t d = 3; d-- > 0;) {
    const std::int64_t all = range.end[d] - range.begin[d];
    const std::int64_t taken = std::clamp<std::int64_t>(pixels, 1, all);
    part.begin[d] = range.begin[d] + random.integer(0, all - taken);
    part.end[d] = part.begin[d] + taken;
    pixels /= taken;
  }
  return part;
}

/// Blocks around random tiles, until the budget is spent or several in a row do not fit it.
std::vector<TilePiece> draw_blocks(const LayerRun& run, const map::Loops& loops, std::int64_t pairs,
                                   Random& random) {
  constexpr int kTries = 16;
  std::vector<TilePiece> pieces;
  std::set<std::int64_t> known;
  for (int tries = 0; tries < kTries && pairs > 0; ++tries) {
    const TilePiece block = block_around(run, random.integer(0, run.tiles() - 1));
    if (!known.insert(block.begin).second) continue;
    const std::int64_t needed = pairs_in(run, loops, block);
    if (needed > pairs) continue;
    const map::TileBox outputs = run.box(block.begin);
    pairs -= needed + kPairsPerOutput * outputs.pixels() * (outputs.out1 - outputs.out0);
    pieces.push_back(block);
    tries = 0;
  }
  return pieces;
}

}  // namespace

std::int64_t pairs_of(const map::Loops& loops, const map::TileBox& box) {
  return box.pixels() * (box.out1 - box.out0) * (box.in1 - box.in0) * loops.kernel_size();
}

map::TileBox TilePiece::box(const LayerRun& run, std::int64_t tile) const {
  map::TileBox box = run.box(tile);
  box.begin = pixels.begin;
  box.end = pixels.end;
  return box;
}

std::vector<TilePiece> all_pieces(const LayerRun& run) {
  std::vector<TilePiece> blocks;
  for (std::int64_t t = 0; t < run.tiles(); t = blocks.back().end) {
    blocks.push_back(block_around(run, t));
  }
  return blocks;
}

std::vector<TilePiece> draw_pieces(const LayerRun& run, const map::Loops& loops, std::int64_t pairs,
                                   Random& random) {
  std::vector<TilePiece> pieces = draw_blocks(run, loops, pairs, random);
  std::ranges::sort(pieces, {}, &TilePiece::begin);
  if (!pieces.empty()) return pieces;
  const std::int64_t tile = random.integer(0, run.tiles() - 1);
  TilePiece piece = whole_tile(run, tile);
  const auto whole = static_cast<double>(pairs_in(run, loops, piece));
  const auto budget = static_cast<double>(pairs);
  if (whole <= budget || random.chance(kWholeTiles * budget / whole)) return {piece};
  const std::int64_t pixels = run.box(tile).pixels();
  const TilePiece block = block_around(run, tile);
  std::int64_t per_pixel = pairs_in(run, loops, block) / pixels;
  if (per_pixel <= pairs) {
    piece = block;
  } else {
    per_pixel = pairs_in(run, loops, piece) / pixels;
  }
  piece.pixels = cut(piece.pixels, pairs / std::max<std::int64_t>(1, per_pixel), random);
  return {piece};
}

}  // namespace syncopate::sim
