#include "array/bit_counter.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/simd.h"

namespace syncopate::array {
namespace {

SYNCOPATE_MULTIVERSION std::int64_t popcount_row(const std::uint64_t* row, std::int64_t words) {
  std::int64_t sum = 0;
  for (std::int64_t w = 0; w < words; ++w) sum += std::popcount(row[w]);
  return sum;
}

SYNCOPATE_MULTIVERSION void match_rows(const std::uint64_t* rows, std::int64_t row_count,
                                       const std::uint64_t* mask, std::int64_t words,
                                       std::int32_t* matches) {
  for (std::int64_t r = 0; r < row_count; ++r) {
    std::int64_t sum = 0;
    for (std::int64_t w = 0; w < words; ++w) sum += std::popcount(rows[r * words + w] & mask[w]);
    matches[r] = static_cast<std::int32_t>(sum);
  }
}

constexpr std::int64_t kMostRows = 4095;  ///< That four 16-bit sums of up to 16 each can hold.

/// `sums` has four 16-bit sums per word.
SYNCOPATE_MULTIVERSION void sum_columns(const std::uint64_t* rows, std::int64_t row_count,
                                        std::int64_t words, std::uint64_t* sums) {
  for (std::int64_t r = 0; r < row_count; ++r) {
    for (std::int64_t w = 0; w < words; ++w) sums[w] += column_counts(rows[r * words + w]);
  }
}

}  // namespace

std::int64_t count_bits(const std::uint64_t* row, std::int64_t words) {
  return popcount_row(row, words);
}

void count_matches(const std::uint64_t* rows, std::int64_t row_count, const std::uint64_t* mask,
                   std::int64_t words, std::int32_t* matches) {
  match_rows(rows, row_count, mask, words, matches);
}

void count_columns(const std::uint64_t* rows, std::int64_t row_count, std::int64_t words,
                   std::span<std::int32_t> counts) {
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(words));
  for (std::int64_t r = 0; r < row_count; r += kMostRows) {
    std::fill(sums.begin(), sums.end(), 0);
    sum_columns(rows + r * words, std::min(kMostRows, row_count - r), words, sums.data());
    for (std::size_t c = 0; c < counts.size(); ++c) {
      counts[c] += static_cast<std::int32_t>(sums[c / 4] >> (c % 4 * kColumn) & 0xffff);
    }
  }
}

}  // namespace syncopate::array
