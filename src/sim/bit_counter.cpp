#include "sim/bit_counter.h"

#include <bit>

#include "base/simd.h"

namespace syncopate::sim {
namespace {

/// Adds rows to bit-sliced counts: pairs of rows meet in a full adder, whose carries ripple up.
/// `planes` are enough for all counts.
SYNCOPATE_MULTIVERSION void add_rows(std::uint64_t* data, std::int64_t planes, std::int64_t words,
                                     const std::uint64_t* rows, std::int64_t count,
                                     std::int64_t pitch) {
  for (std::int64_t w = 0; w < words; ++w) {
    std::uint64_t ones = data[w];
    for (std::int64_t r = 0; r < count; r += 2) {
      const std::uint64_t a = rows[r * pitch + w];
      const std::uint64_t b = r + 1 < count ? rows[(r + 1) * pitch + w] : 0;
      const std::uint64_t half = a ^ b;
      std::uint64_t carry = (a & b) | (half & ones);
      ones ^= half;
      for (std::int64_t j = 1; j < planes && carry != 0; ++j) {
        const std::uint64_t plane = data[j * words + w];
        data[j * words + w] = plane ^ carry;
        carry &= plane;
      }
    }
    data[w] = ones;
  }
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

}  // namespace

void BitCounter::reset(std::int64_t words) {
  words_ = words;
  planes_ = 0;
  rows_ = 0;
  data_.clear();
}

void BitCounter::add(const std::uint64_t* rows, std::int64_t count, std::int64_t pitch) {
  rows_ += count;
  planes_ = std::bit_width(static_cast<std::uint64_t>(rows_));
  data_.resize(static_cast<std::size_t>(planes_ * words_), 0);
  if (planes_ > 0) add_rows(data_.data(), planes_, words_, rows, count, pitch);
}

std::int64_t dot(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b,
                 std::int64_t words) {
  if (words == 0) return 0;
  return dot_planes(a.data(), static_cast<std::int64_t>(a.size()) / words, b.data(),
                    static_cast<std::int64_t>(b.size()) / words, words);
}

}  // namespace syncopate::sim
