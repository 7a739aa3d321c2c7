#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// The inner loop of exact 16-bit convolutions: a tile of outputs, `pixels` x `lanes`, kept in
// registers while the reduction runs. docs/rationale/numbers.md says why it is exact.

namespace syncopate::ref {

/// How activations are laid out so that sums of products are exact in 32-bit lanes.
enum class Split : std::uint8_t {
  none,    ///< As they are: one operand has 8 bits, and blocks of products fit 32 bits.
  digits,  ///< x = 256*high + low, both within +-128, in two planes of 16 bits.
  bytes    ///< x itself in 16 bits, for sums modulo 2^32, and floor(x/256) + 128 in bytes, for
           ///< sums that tell which multiple of 2^32 is missing.
};

/// A stretch of the reduction whose activations lie side by side: `pairs` times two of them,
/// starting `offset` elements after each pixel. With `flush` the 32-bit accumulators are added to
/// the 64-bit sums afterwards; the last segment must have it. `pairs` is even for Split::bytes.
struct Segment {
  std::int64_t offset = 0;
  std::int32_t pairs = 0;
  bool flush = false;
};

/// One tile's work. The planes are those of Split; the second one has 16-bit elements (digits) or
/// 8-bit ones (bytes), equally many.
struct TileArgs {
  const std::int64_t* pixels = nullptr;  ///< Where each pixel's activations start: elements.
  const std::int16_t* first = nullptr;   ///< The only plane, the high digits or the whole values.
  const void* second = nullptr;          ///< Low digits or upper bytes.
  /// [pair][lane][2], 64-byte aligned. Split::bytes: [pair][lane][2], [pair + 1][lane][2], then the
  /// upper bytes (w + 128) >> 8 of both as [lane][4].
  const std::int16_t* weights = nullptr;
  const std::int32_t* starts = nullptr;  ///< Split::bytes, per flush and lane: what takes back the
                                         ///< 128 that each upper byte is too large.
  std::span<const Segment> segments;
  std::int64_t* sums = nullptr;  ///< [pixel][lane], 64-byte aligned; overwritten.
  std::int64_t sum_step = 0;     ///< Elements from one pixel to the next; a multiple of 8.
};

/// The same computation for one instruction set.
struct TileKernel {
  using Function = void (*)(const TileArgs&);
  std::string_view name;
  int pixels = 0;    ///< Pixels per tile.
  int lanes = 0;     ///< Output channels per tile; the narrow functions compute half of them.
  Function none[2];  ///< By Split; [1] is the narrow one.
  Function digits[2];
  Function bytes[2];  ///< Null where the CPU cannot multiply bytes without saturation.

  Function function(Split split, bool narrow) const {
    return (split == Split::none ? none : split == Split::digits ? digits : bytes)[narrow];
  }
};

/// All kernels this CPU can run, fastest first. Never empty.
std::span<const TileKernel> tile_kernels();

}  // namespace syncopate::ref
