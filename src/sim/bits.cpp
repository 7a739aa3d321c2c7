#include "sim/bits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::sim {
namespace {

/// Packs 64 flags at a time: the comparison is vectorized, eight flag bytes at a time are gathered
/// into eight bits by one multiplication.
template <class T>
inline __attribute__((always_inline)) void pack(const T* values, std::int64_t count,
                                                std::uint64_t* bits) {
  std::int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    std::array<std::uint8_t, 64> flags;
    for (std::size_t k = 0; k < 64; ++k) flags[k] = values[i + static_cast<int>(k)] != 0;
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8; ++k) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, flags.data() + 8 * k, 8);
      word |= ((eight * 0x0102040810204080ULL) >> 56) << (8 * k);
    }
    bits[i / 64] = word;
  }
  if (i == count) return;
  std::uint64_t word = 0;
  for (std::int64_t k = i; k < count; ++k) {
    word |= static_cast<std::uint64_t>(values[k] != 0) << (k - i);
  }
  bits[i / 64] = word;
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw")

/// Where the CPU compares into mask registers, a word is a comparison or two.
void pack_wide(const std::int16_t* values, std::int64_t count, std::uint64_t* bits) {
  std::int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const __m512i low = _mm512_loadu_si512(values + i), high = _mm512_loadu_si512(values + i + 32);
    bits[i / 64] =
        _mm512_test_epi16_mask(low, low) | std::uint64_t{_mm512_test_epi16_mask(high, high)} << 32;
  }
  if (i == count) return;
  const std::uint64_t left = ~std::uint64_t{0} >> (64 - (count - i));
  const __m512i low = _mm512_maskz_loadu_epi16(static_cast<__mmask32>(left), values + i);
  const __m512i high =
      _mm512_maskz_loadu_epi16(static_cast<__mmask32>(left >> 32), values + i + 32);
  bits[i / 64] =
      _mm512_test_epi16_mask(low, low) | std::uint64_t{_mm512_test_epi16_mask(high, high)} << 32;
}

SYNCOPATE_TARGET_END

bool packs_wide() {
  static const bool wide =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  return wide;
}
#else
void pack_wide(const std::int16_t*, std::int64_t, std::uint64_t*) {}
bool packs_wide() { return false; }
#endif

SYNCOPATE_MULTIVERSION void pack_i8(const std::int8_t* values, std::int64_t count,
                                    std::uint64_t* bits) {
  pack(values, count, bits);
}

SYNCOPATE_MULTIVERSION void pack_i16(const std::int16_t* values, std::int64_t count,
                                     std::uint64_t* bits) {
  pack(values, count, bits);
}

SYNCOPATE_MULTIVERSION std::int64_t count_one(const std::uint64_t* a, std::int64_t words) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < words; ++i) total += std::popcount(a[i]);
  return total;
}

SYNCOPATE_MULTIVERSION std::int64_t count_two(const std::uint64_t* a, const std::uint64_t* b,
                                              std::int64_t words) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < words; ++i) total += std::popcount(a[i] & b[i]);
  return total;
}

SYNCOPATE_MULTIVERSION void count_in_windows(const std::uint64_t* a, const std::uint64_t* b,
                                             std::int64_t words, std::int64_t window_words,
                                             std::int32_t* counts) {
  for (std::int64_t begin = 0; begin < words; begin += window_words) {
    const std::int64_t end = std::min(words, begin + window_words);
    std::int32_t total = 0;
    for (std::int64_t i = begin; i < end; ++i) total += std::popcount(a[i] & b[i]);
    *counts++ = total;
  }
}

/// The lowest `count` bits (1 to 64).
std::uint64_t low_bits(std::int64_t count) { return ~std::uint64_t{0} >> (64 - count); }

/// `count` (1 to 64) bits from `begin` on, without touching words beyond them.
std::uint64_t bits_at(const std::uint64_t* words, std::int64_t begin, std::int64_t count) {
  const auto shift = begin % 64;
  std::uint64_t result = words[begin / 64] >> shift;
  if (shift + count > 64) result |= words[begin / 64 + 1] << (64 - shift);
  return result & low_bits(count);
}

SYNCOPATE_MULTIVERSION std::int64_t count_in_range(const std::uint64_t* words, std::int64_t begin,
                                                   std::int64_t end) {
  if (begin >= end) return 0;
  const std::int64_t first = begin / 64, last = (end - 1) / 64;
  const std::uint64_t head = ~std::uint64_t{0} << (begin % 64);
  const std::uint64_t tail = ~std::uint64_t{0} >> (63 - (end - 1) % 64);
  if (first == last) return std::popcount(words[first] & head & tail);
  std::int64_t total = std::popcount(words[first] & head) + std::popcount(words[last] & tail);
  for (std::int64_t w = first + 1; w < last; ++w) total += std::popcount(words[w]);
  return total;
}

}  // namespace

void pack_nonzero(std::span<const std::int16_t> values, std::uint64_t* bits) {
  (packs_wide() ? pack_wide : pack_i16)(values.data(), static_cast<std::int64_t>(values.size()),
                                        bits);
}

void pack_nonzero(std::span<const std::int8_t> values, std::uint64_t* bits) {
  pack_i8(values.data(), static_cast<std::int64_t>(values.size()), bits);
}

void append_bits(const std::uint64_t* from, std::int64_t begin, std::int64_t count,
                 std::uint64_t* to, std::int64_t at) {
  while (count > 0) {
    const std::int64_t room = std::min(count, 64 - at % 64);
    to[at / 64] |= bits_at(from, begin, room) << (at % 64);
    begin += room;
    at += room;
    count -= room;
  }
}

std::int64_t count_bits(const std::uint64_t* a, std::int64_t words) { return count_one(a, words); }

std::int64_t count_common(const std::uint64_t* a, const std::uint64_t* b, std::int64_t words) {
  return count_two(a, b, words);
}

std::int64_t count_range(const std::uint64_t* words, std::int64_t begin, std::int64_t end) {
  return count_in_range(words, begin, end);
}

void count_windows(const std::uint64_t* a, const std::uint64_t* b, std::int64_t words,
                   std::int64_t window_words, std::int32_t* counts) {
  count_in_windows(a, b, words, window_words, counts);
}

}  // namespace syncopate::sim
