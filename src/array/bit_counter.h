#pragma once

#include <cstdint>
#include <span>

#include "sim/bit_counter.h"

namespace syncopate::array {

using sim::BitCounter;
using sim::dot;

/// Set bits of a row of words.
std::int64_t count_bits(const std::uint64_t* row, std::int64_t words);
/// For each of `rows` rows of `words` words: the set bits it shares with `mask`.
void count_matches(const std::uint64_t* rows, std::int64_t row_count, const std::uint64_t* mask,
                   std::int64_t words, std::int32_t* matches);

/// Bits per column of count_columns.
inline constexpr std::int64_t kColumn = 16;
/// Set bits of each of a word's four columns, in its place.
inline std::uint64_t column_counts(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555ULL;
  x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
  return (x + (x >> 8)) & 0x001f001f001f001fULL;
}
/// Adds to counts[c] the set bits of columns [16c, 16c + 16) of `row_count` rows of `words` words.
void count_columns(const std::uint64_t* rows, std::int64_t row_count, std::int64_t words,
                   std::span<std::int32_t> counts);

}  // namespace syncopate::array
