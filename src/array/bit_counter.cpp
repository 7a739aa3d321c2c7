#include "array/bit_counter.h"

#include <bit>

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

}  // namespace

std::int64_t count_bits(const std::uint64_t* row, std::int64_t words) {
  return popcount_row(row, words);
}

void count_matches(const std::uint64_t* rows, std::int64_t row_count, const std::uint64_t* mask,
                   std::int64_t words, std::int32_t* matches) {
  match_rows(rows, row_count, mask, words, matches);
}

}  // namespace syncopate::array
