#pragma once

#include <cstdint>

namespace syncopate::array {

/// Masks of the pixels of a line, of which the channels of one group count.
struct LineOfMasks {
  const std::uint64_t* words = nullptr;  ///< Of the first pixel, all channels of all groups.
  std::int64_t pitch = 0;                ///< Words from pixel to pixel.
  std::int64_t pixels = 0;
  std::int64_t first = 0, channels = 0;  ///< Bits [first, first + channels).
  std::int64_t block = 16;               ///< Channels counted together.
  bool last = true;                      ///< Behind these channels lie zeros.
};

/// Sums of set bits over pixels [0, x] and blocks [0, b) go to to[x * (blocks + 1) + b].
void sum_blocks(const LineOfMasks& masks, std::uint32_t* to);

/// Adds `count` numbers to others.
void add_counts(const std::uint32_t* from, std::int64_t count, std::uint32_t* to);

}  // namespace syncopate::array
