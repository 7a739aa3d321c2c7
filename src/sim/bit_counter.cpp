#include "sim/bit_counter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::sim {
namespace {

/// Adds rows to bit-sliced counts: pairs of rows meet in a full adder, whose carries ripple up.
/// `planes` are enough for all counts.
SYNCOPATE_MULTIVERSION void add_rows_narrow(std::uint64_t* data, std::int64_t planes,
                                            std::int64_t words, const std::uint64_t* rows,
                                            std::int64_t count, std::int64_t pitch) {
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

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vpopcntdq")

/// Adds a and b to the plane `sum`; returns the carries.
[[gnu::always_inline]] inline __m512i full_add(__m512i& sum, __m512i a, __m512i b) {
  constexpr int kMajority = 0xe8, kParity = 0x96;
  const __m512i carry = _mm512_ternarylogic_epi64(sum, a, b, kMajority);
  sum = _mm512_ternarylogic_epi64(sum, a, b, kParity);
  return carry;
}

/// The most planes that are added to in registers and on the stack.
constexpr std::int64_t kWidePlanes = 24;

/// Eight words of every plane. Copied, because masked stores hold up loads that follow them.
struct Slice {
  __m512i planes[kWidePlanes];

  /// Adds carries into plane `j` and above, where they end.
  [[gnu::always_inline]] inline void ripple(__m512i carry, std::int64_t j) {
    for (; _mm512_test_epi64_mask(carry, carry) != 0; ++j) {
      const __m512i plane = planes[j];
      planes[j] = _mm512_xor_si512(plane, carry);
      carry = _mm512_and_si512(plane, carry);
    }
  }

  /// Eight rows at a time go through a tree of full adders, so that upper planes see one carry.
  template <class Row>
  [[gnu::always_inline]] inline void add(std::int64_t count, const Row& row) {
    __m512i ones = planes[0], twos = planes[1], fours = planes[2];
    std::int64_t r = 0;
    for (; r + 8 <= count; r += 8) {
      const __m512i a = full_add(ones, row(r), row(r + 1));
      const __m512i b = full_add(ones, row(r + 2), row(r + 3));
      const __m512i c = full_add(ones, row(r + 4), row(r + 5));
      const __m512i d = full_add(ones, row(r + 6), row(r + 7));
      const __m512i low = full_add(twos, a, b), high = full_add(twos, c, d);
      ripple(full_add(fours, low, high), 3);
    }
    planes[0] = ones;
    planes[1] = twos;
    planes[2] = fours;
    for (; r < count; ++r) ripple(row(r), 0);
  }
};

/// add_rows, eight words at a time, of at most kWidePlanes planes.
void add_rows_wide(std::uint64_t* data, std::int64_t planes, std::int64_t words,
                   const std::uint64_t* rows, std::int64_t count, std::int64_t pitch) {
  Slice slice;
  for (std::int64_t w = 0; w < words; w += 8) {
    const std::int64_t left = words - w;
    const auto mask = static_cast<__mmask8>(left >= 8 ? 0xffU : (1U << left) - 1);
    for (std::int64_t j = 0; j < std::max<std::int64_t>(planes, 3); ++j) {
      slice.planes[j] = j < planes ? _mm512_maskz_loadu_epi64(mask, data + j * words + w)
                                   : _mm512_setzero_si512();
    }
    slice.add(count,
              [&](std::int64_t r) { return _mm512_maskz_loadu_epi64(mask, rows + r * pitch + w); });
    for (std::int64_t j = 0; j < planes; ++j) {
      _mm512_mask_storeu_epi64(data + j * words + w, mask, slice.planes[j]);
    }
  }
}

/// dot_planes where the CPU counts the bits of whole registers.
std::int64_t dot_planes_wide(const std::uint64_t* a, std::int64_t planes_a, const std::uint64_t* b,
                             std::int64_t planes_b, std::int64_t words) {
  __m512i total = _mm512_setzero_si512();
  for (std::int64_t j = 0; j < planes_b; ++j) {
    for (std::int64_t i = 0; i < planes_a; ++i) {
      __m512i sum = _mm512_setzero_si512();
      for (std::int64_t w = 0; w < words; w += 8) {
        const auto left = static_cast<unsigned>(words - w);
        const auto mask = static_cast<__mmask8>(left >= 8 ? 0xffU : (1U << left) - 1);
        const __m512i both = _mm512_and_si512(_mm512_maskz_loadu_epi64(mask, a + i * words + w),
                                              _mm512_maskz_loadu_epi64(mask, b + j * words + w));
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
      }
      total = _mm512_add_epi64(total, _mm512_maskz_sll_epi64(0xff, sum, _mm_cvtsi64_si128(i + j)));
    }
  }
  std::array<std::int64_t, 8> lanes;
  _mm512_storeu_si512(lanes.data(), total);
  return std::accumulate(lanes.begin(), lanes.end(), std::int64_t{0});
}

SYNCOPATE_TARGET_END

bool counts_wide() {
  static const bool wide = __builtin_cpu_supports("avx512f") &&
                           __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512vpopcntdq");
  return wide;
}
#endif

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
  if (planes_ == 0) return;
  constexpr std::int64_t kRows = 64;  // Whose lines stay in cache from one word to the next.
  auto* add_rows = add_rows_narrow;
#if defined(__x86_64__)
  if (counts_wide() && planes_ <= kWidePlanes) add_rows = add_rows_wide;
#endif
  for (std::int64_t r = 0; r < count; r += kRows) {
    add_rows(data_.data(), planes_, words_, rows + r * pitch, std::min(kRows, count - r), pitch);
  }
}

std::int64_t dot(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b,
                 std::int64_t words) {
  if (words == 0) return 0;
  const std::int64_t planes_a = static_cast<std::int64_t>(a.size()) / words;
  const std::int64_t planes_b = static_cast<std::int64_t>(b.size()) / words;
#if defined(__x86_64__)
  if (counts_wide()) return dot_planes_wide(a.data(), planes_a, b.data(), planes_b, words);
#endif
  return dot_planes(a.data(), planes_a, b.data(), planes_b, words);
}

}  // namespace syncopate::sim
