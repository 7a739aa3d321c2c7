#include "array/block_counts.h"

#include <algorithm>
#include <vector>

#include "array/bit_counter.h"
#include "base/simd.h"
#include "sim/bits.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined upper halves inside its own intrinsics for our mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace syncopate::array {
namespace {

/// Set bits of each block of a pixel.
void count_pixel(const LineOfMasks& masks, const std::uint64_t* words,
                 std::vector<std::uint32_t>& counts) {
  // Four blocks at a time; behind the last channel of all lie zeros.
  const bool quads = masks.block == kColumn && masks.first % 64 == 0;
  const std::size_t whole = !quads ? 0 : masks.last ? counts.size() : counts.size() - 1;
  std::size_t block = 0;
  for (; block + 4 <= whole || (masks.last && block < whole); block += 4) {
    std::uint64_t found =
        column_counts(words[masks.first / 64 + static_cast<std::int64_t>(block) / 4]);
    for (std::size_t i = block; i < std::min(block + 4, whole); ++i, found >>= kColumn) {
      counts[i] = static_cast<std::uint32_t>(found & 0xffff);
    }
  }
  for (; block < counts.size(); ++block) {
    const std::int64_t begin = static_cast<std::int64_t>(block) * masks.block;
    const std::int64_t end = std::min(masks.channels, begin + masks.block);
    counts[block] =
        static_cast<std::uint32_t>(sim::count_range(words, masks.first + begin, masks.first + end));
  }
}

void sum_pixels(const LineOfMasks& masks, std::int64_t blocks, std::uint32_t* to) {
  thread_local std::vector<std::uint32_t> counts;
  thread_local std::vector<std::uint32_t> before;
  counts.resize(static_cast<std::size_t>(blocks));
  before.assign(static_cast<std::size_t>(blocks + 1), 0);
  const std::uint32_t* left = before.data();
  for (std::int64_t x = 0; x < masks.pixels; ++x, to += blocks + 1) {
    count_pixel(masks, masks.words + x * masks.pitch, counts);
    std::uint32_t along = 0;
    to[0] = 0;
    for (std::int64_t b = 0; b < blocks; ++b) {
      along += counts[static_cast<std::size_t>(b)];
      to[b + 1] = left[b + 1] + along;
    }
    left = to;
  }
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512bitalg")

/// Sums of lanes [0, i].
__m512i scan(__m512i x) {
  const __m512i zero = _mm512_setzero_si512();
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 14));
  x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 12));
  return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 8));
}

/// Blocks of 16 channels, 16 of them at a time: each is a lane of 16 bits, whose bits are counted
/// at once.
void sum_pixels_wide(const LineOfMasks& masks, std::int64_t blocks, std::uint32_t* to) {
  constexpr std::int64_t kLanes = 16;
  const auto* words = reinterpret_cast<const std::uint16_t*>(masks.words) + masks.first / 16;
  for (std::int64_t x = 0; x < masks.pixels; ++x) to[x * (blocks + 1)] = 0;
  for (std::int64_t block = 0; block < blocks; block += kLanes) {
    const std::int64_t lanes = std::min(kLanes, blocks - block);
    const auto present = static_cast<__mmask16>((1U << lanes) - 1);
    const std::uint16_t* from = words + block;
    std::uint32_t* at = to + block;
    __m512i sum = _mm512_setzero_si512();
    for (std::int64_t x = 0; x < masks.pixels; ++x, from += 4 * masks.pitch, at += blocks + 1) {
      const __m256i found = _mm256_popcnt_epi16(_mm256_maskz_loadu_epi16(present, from));
      sum = _mm512_add_epi32(sum, _mm512_cvtepu16_epi32(found));
      // What the blocks before these come to has just been written.
      const __m512i before = _mm512_set1_epi32(static_cast<int>(at[0]));
      _mm512_mask_storeu_epi32(at + 1, present, _mm512_add_epi32(scan(sum), before));
    }
  }
}

SYNCOPATE_TARGET_END

bool sums_wide() {
  static const bool wide =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bitalg") != 0;
  return wide;
}
#else
void sum_pixels_wide(const LineOfMasks&, std::int64_t, std::uint32_t*) {}
bool sums_wide() { return false; }
#endif

SYNCOPATE_MULTIVERSION void add_numbers(const std::uint32_t* from, std::int64_t count,
                                        std::uint32_t* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

}  // namespace

void sum_blocks(const LineOfMasks& masks, std::uint32_t* to) {
  const std::int64_t blocks = (masks.channels + masks.block - 1) / masks.block;
  const bool lanes = masks.block == 16 && masks.first % 16 == 0 &&
                     (masks.last || masks.channels % 16 == 0) && sums_wide();
  (lanes ? sum_pixels_wide : sum_pixels)(masks, blocks, to);
}

void add_counts(const std::uint32_t* from, std::int64_t count, std::uint32_t* to) {
  add_numbers(from, count, to);
}

}  // namespace syncopate::array
