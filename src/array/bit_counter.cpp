#include "array/bit_counter.h"

#include <algorithm>
#include <bit>

#include "base/simd.h"

namespace syncopate::array {
namespace {

/// plane, carry = half adder of both; returns whether any carry is left.
SYNCOPATE_MULTIVERSION bool half_add(std::uint64_t* plane, std::uint64_t* carry,
                                     std::int64_t words) {
  std::uint64_t any = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    const std::uint64_t both = plane[w] & carry[w];
    plane[w] ^= carry[w];
    carry[w] = both;
    any |= both;
  }
  return any != 0;
}

SYNCOPATE_MULTIVERSION std::int64_t dot_planes(const std::uint64_t* a, std::int64_t planes_a,
                                               const std::uint64_t* b, std::int64_t planes_b,
                                               std::int64_t words) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < planes_a; ++i) {
    for (std::int64_t j = 0; j < planes_b; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t w = 0; w < words; ++w) {
        sum += std::popcount(a[i * words + w] & b[j * words + w]);
      }
      total += sum << (i + j);
    }
  }
  return total;
}

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

void BitCounter::reset(std::int64_t words) {
  words_ = words;
  planes_ = 0;
  rows_ = 0;
  data_.clear();
  carry_.resize(static_cast<std::size_t>(words));
}

void BitCounter::add(const std::uint64_t* row) {
  ++rows_;
  // A new plane begins when the number of rows reaches a power of two: counts may need its bit.
  if (std::has_single_bit(static_cast<std::uint64_t>(rows_))) {
    ++planes_;
    data_.resize(static_cast<std::size_t>(planes_ * words_), 0);
  }
  std::copy_n(row, words_, carry_.data());
  for (std::int64_t j = 0; j < planes_; ++j) {
    if (!half_add(data_.data() + j * words_, carry_.data(), words_)) break;
  }
}

std::int64_t dot(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b,
                 std::int64_t words) {
  if (words == 0) return 0;
  return dot_planes(a.data(), static_cast<std::int64_t>(a.size()) / words, b.data(),
                    static_cast<std::int64_t>(b.size()) / words, words);
}

std::int64_t count_bits(const std::uint64_t* row, std::int64_t words) {
  return popcount_row(row, words);
}

void count_matches(const std::uint64_t* rows, std::int64_t row_count, const std::uint64_t* mask,
                   std::int64_t words, std::int32_t* matches) {
  match_rows(rows, row_count, mask, words, matches);
}

}  // namespace syncopate::array
