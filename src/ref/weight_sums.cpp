#include "ref/weight_sums.h"

#include "base/simd.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined upper halves inside its own intrinsics for our mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace syncopate::ref {
namespace {

/// Beyond 127*256 + 127 the rest takes what the byte cannot.
constexpr std::int16_t kMostSplit = 32639;

SYNCOPATE_MULTIVERSION
void add_elements(const std::int16_t* __restrict packed, std::int64_t pairs, std::int64_t width,
                  std::int32_t* __restrict sums) {
  for (std::int64_t p = 0; p < pairs; ++p) {
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int32_t w = packed[p * width + i];
      sums[i] += w < 0 ? -w : w;
    }
  }
}

/// Adds what two elements of a pair come to.
void fold(const std::int32_t* elements, std::int64_t lanes, std::int32_t* sums) {
  for (std::int64_t l = 0; l < lanes; ++l) sums[l] += elements[2 * l] + elements[2 * l + 1];
}

/// Per element of a pair of every lane: magnitudes, rests, upper bytes.
struct Elements {
  std::int32_t weight[2 * kMostLanes] = {}, rest[2 * kMostLanes] = {}, upper[2 * kMostLanes] = {};
};

SYNCOPATE_MULTIVERSION
void split_elements(std::int16_t* __restrict packed, std::int64_t pairs, std::int64_t width,
                    Elements& sums) {
  std::int16_t bytes[2 * 2 * kMostLanes];
  for (std::int64_t p = 0; p < pairs; p += 2, packed += 3 * width) {
    for (std::int64_t half = 0; half < 2; ++half) {
      for (std::int64_t i = 0; i < width; ++i) {
        const std::int32_t w = packed[half * width + i];
        const std::int32_t upper = ((w < kMostSplit ? w : kMostSplit) + 128) >> 8;
        const std::int32_t rest = w - upper * 256;
        sums.weight[i] += w < 0 ? -w : w;
        sums.rest[i] += rest < 0 ? -rest : rest;
        sums.upper[i] += upper;
        bytes[half * width + i] = static_cast<std::int16_t>(upper);
      }
    }
    // [pair][lane][2] of bytes become [lane][pair][2].
    for (std::int64_t lane = 0; lane < width / 2; ++lane) {
      const std::int16_t* b = bytes + 2 * lane;
      packed[2 * width + 2 * lane] = static_cast<std::int16_t>((b[0] & 255) | b[1] << 8);
      packed[2 * width + 2 * lane + 1] =
          static_cast<std::int16_t>((b[width] & 255) | b[width + 1] << 8);
    }
  }
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw")

/// 16 lanes: what two vectors of pairs hold, as upper bytes; their sums go to the three others.
__m512i split_pairs(__m512i w, __m512i& weight, __m512i& rest, __m512i& upper) {
  const __m512i one = _mm512_set1_epi16(1);
  const __m512i high = _mm512_srai_epi16(
      _mm512_add_epi16(_mm512_min_epi16(w, _mm512_set1_epi16(kMostSplit)), _mm512_set1_epi16(128)),
      8);
  const __m512i low = _mm512_sub_epi16(w, _mm512_slli_epi16(high, 8));
  // -32768 has no magnitude of 16 bits: a product with -1 does it in 32.
  const __m512i sign = _mm512_mask_blend_epi16(_mm512_movepi16_mask(w), one, _mm512_set1_epi16(-1));
  weight = _mm512_add_epi32(weight, _mm512_madd_epi16(w, sign));
  rest = _mm512_add_epi32(rest, _mm512_madd_epi16(_mm512_abs_epi16(low), one));
  upper = _mm512_add_epi32(upper, _mm512_madd_epi16(high, one));
  // Both bytes of a lane side by side in its lower half.
  const __m512i bytes = _mm512_and_si512(high, _mm512_set1_epi32(0x00ff00ff));
  return _mm512_and_si512(_mm512_or_si512(bytes, _mm512_srli_epi32(bytes, 8)),
                          _mm512_set1_epi32(0xffff));
}

void add_to(std::int32_t* sums, __m512i more) {
  _mm512_storeu_si512(sums, _mm512_add_epi32(_mm512_loadu_si512(sums), more));
}

/// 16 of the lanes.
void split_lanes(std::int16_t* packed, std::int64_t pairs, std::int64_t width, std::int64_t lane,
                 WeightSums& sums) {
  __m512i weight = _mm512_setzero_si512(), rest = weight, upper = weight;
  packed += 2 * lane;
  for (std::int64_t p = 0; p < pairs; p += 2, packed += 3 * width) {
    const __m512i first = split_pairs(_mm512_loadu_si512(packed), weight, rest, upper);
    const __m512i second = split_pairs(_mm512_loadu_si512(packed + width), weight, rest, upper);
    _mm512_storeu_si512(packed + 2 * width, _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
  }
  add_to(sums.weight + lane, weight);
  add_to(sums.rest + lane, rest);
  add_to(sums.upper + lane, upper);
}

SYNCOPATE_TARGET_END

bool splits_lanes() {
  static const bool splits =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  return splits;
}
#else
void split_lanes(std::int16_t*, std::int64_t, std::int64_t, std::int64_t, WeightSums&) {}
bool splits_lanes() { return false; }
#endif

}  // namespace

void add_magnitudes(const std::int16_t* packed, std::int64_t pairs, std::int64_t lanes,
                    WeightSums& sums) {
  std::int32_t elements[2 * kMostLanes] = {};
  add_elements(packed, pairs, 2 * lanes, elements);
  fold(elements, lanes, sums.weight);
}

void add_upper_bytes(std::int16_t* packed, std::int64_t pairs, std::int64_t lanes,
                     WeightSums& sums) {
  if (splits_lanes() && lanes % 16 == 0) {
    for (std::int64_t lane = 0; lane < lanes; lane += 16) {
      split_lanes(packed, pairs, 2 * lanes, lane, sums);
    }
    return;
  }
  Elements elements;
  split_elements(packed, pairs, 2 * lanes, elements);
  fold(elements.weight, lanes, sums.weight);
  fold(elements.rest, lanes, sums.rest);
  fold(elements.upper, lanes, sums.upper);
}

}  // namespace syncopate::ref
