#pragma once

#include <cstdint>
#include <vector>

#include "gconv/chain.h"
#include "ref/dot_tile.h"

namespace syncopate::ref {

/// How the reduction of a convolution walks its operands: `runs` stretches of activations that lie
/// side by side, each of `run` elements.
struct ReductionOrder {
  std::int64_t run = 1;
  std::vector<std::int64_t> run_inputs;   ///< Per run: where it starts, relative to the pixel.
  std::vector<std::int64_t> run_kernels;  ///< Per run: address step in the weights.
  std::vector<std::int64_t> taps;         ///< Per element of a run: address step in the weights.
  bool in_place = false;                  ///< The weights of a run lie side by side.

  /// Pairs that kernels walk per run: with Split::bytes they come in twos.
  std::int64_t pairs_per_run(Split split) const {
    return split == Split::bytes ? (run + 3) / 4 * 2 : (run + 1) / 2;
  }
  std::int64_t pairs(Split split) const {
    return pairs_per_run(split) * static_cast<std::int64_t>(run_inputs.size());
  }
};

/// 16-bit units that packed pairs of that many lanes take.
inline std::int64_t packed_size(Split split, std::int64_t pairs, std::int64_t lanes) {
  return pairs * lanes * (split == Split::bytes ? 3 : 2);
}

/// Weights of up to `lanes` output channels, packed for a tile kernel.
struct WeightBlock {
  std::int64_t first = 0;    ///< First output channel.
  std::int64_t count = 0;    ///< Channels in use; the other lanes are zero.
  std::int64_t lanes = 0;    ///< All or half of the tile kernel's.
  std::int64_t address = 0;  ///< Of the first pair, in the packed array.
  std::vector<Segment> segments;
  std::vector<std::int32_t> starts;  ///< See TileArgs.
};

/// Where the weights of a block come from and how they are packed. Segments end where 32 bits could
/// overflow, seen from the weights' actual magnitudes.
struct PackRequest {
  const Tensor* weights = nullptr;  ///< i8 or i16.
  const ReductionOrder* order = nullptr;
  std::int64_t base = 0, channel_step = 0;
  Split split = Split::digits;
  std::int64_t largest_digit = 128;  ///< Of an activation, unless Split::bytes.
};

/// Fills one block (its first, count, lanes and address are set) and its segments.
void pack_block(const PackRequest& request, WeightBlock& block, std::int16_t* packed);

}  // namespace syncopate::ref
