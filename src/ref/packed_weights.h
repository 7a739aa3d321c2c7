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

  std::int64_t pairs_per_run() const { return (run + 1) / 2; }
  std::int64_t pairs() const {
    return pairs_per_run() * static_cast<std::int64_t>(run_inputs.size());
  }
};

/// Weights of up to `lanes` output channels, packed for a tile kernel.
struct WeightBlock {
  std::int64_t first = 0;    ///< First output channel.
  std::int64_t count = 0;    ///< Channels in use; the other lanes are zero.
  bool narrow = false;       ///< Half the lanes.
  std::int64_t address = 0;  ///< Of the first pair, in the packed array.
  std::vector<Segment> segments;
};

/// Packs `channels` kernels, `channel_step` apart from `base` on, into blocks appended to `blocks`
/// and written to `packed` (from the block's address on). Segments end where 32 bits could
/// overflow with activation digits up to `largest_digit`, seen from the weights' actual magnitudes.
struct PackRequest {
  const Tensor* weights = nullptr;  ///< i8 or i16.
  const ReductionOrder* order = nullptr;
  std::int64_t base = 0, channel_step = 0;
  std::int64_t largest_digit = 128;
  int lanes = 0;  ///< Of the tile kernel.
};

/// Fills one block (its first, count, narrow and address are set) and its segments.
void pack_block(const PackRequest& request, WeightBlock& block, std::int16_t* packed);

}  // namespace syncopate::ref
