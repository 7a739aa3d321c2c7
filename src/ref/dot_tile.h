#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// The inner loop of exact 16-bit convolutions: a tile of outputs, `pixels` x `lanes`, kept in
// registers while the reduction runs. docs/rationale/numbers.md says why it is exact.

namespace syncopate::ref {

/// A stretch of the reduction whose activations lie side by side: `pairs` times two of them,
/// starting `offset` elements after each pixel's pointer. With `flush` the 32-bit accumulators are
/// added to the 64-bit sums afterwards; the last segment must have it.
struct Segment {
  std::int64_t offset = 0;
  std::int32_t pairs = 0;
  bool flush = false;
};

/// One tile's work. Activations come as digits x = 256*high + low, each within +-128, in two
/// planes; a weight pair is multiplied with both.
struct TileArgs {
  const std::int16_t* const* pixels = nullptr;  ///< Into the high plane (or the only one).
  std::int64_t low_plane = 0;                   ///< Elements from the high to the low plane.
  const std::int16_t* weights = nullptr;        ///< [pair][lane][2], 64-byte aligned.
  std::int64_t weight_step = 0;                 ///< Elements from one pair to the next.
  std::span<const Segment> segments;
  std::int64_t* sums = nullptr;  ///< [pixel][lane], 64-byte aligned; overwritten.
  std::int64_t sum_step = 0;     ///< Elements from one pixel to the next; a multiple of 8.
};

/// The same computation for one instruction set.
struct TileKernel {
  using Function = void (*)(const TileArgs&);
  std::string_view name;
  int pixels = 0;          ///< Pixels per tile.
  int lanes = 0;           ///< Output channels per tile; the narrow functions compute half of them.
  Function two_digits[2];  ///< Activations in two planes; [1] is the narrow one.
  Function one_digit[2];   ///< Activations in one plane.
};

/// All kernels this CPU can run, fastest first. Never empty.
std::span<const TileKernel> tile_kernels();

}  // namespace syncopate::ref
