#include "accel/sparten/join.h"

#include <algorithm>
#include <bit>

#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::accel::sparten {
namespace {

SYNCOPATE_MULTIVERSION void join_plain(const std::uint64_t* windows, const GroupMasks& group,
                                       std::int64_t least, Joined& joined) {
  const std::uint64_t* filter = group.words;
  for (std::int64_t chunk = 0; chunk < group.chunks; ++chunk) {
    const std::uint64_t* window = windows + chunk * group.chunk_words * kPixels;
    std::int64_t slowest[kPixels] = {};
    for (std::int64_t unit = 0; unit < group.units; ++unit) {
      std::int64_t pairs[kPixels] = {};
      for (std::int64_t f = 0; f < group.per_unit; ++f) {
        for (std::int64_t w = 0; w < group.chunk_words; ++w, ++filter) {
          for (std::int64_t p = 0; p < kPixels; ++p) {
            pairs[p] += std::popcount(window[w * kPixels + p] & *filter);
          }
        }
      }
      for (std::int64_t p = 0; p < kPixels; ++p) {
        slowest[p] = std::max(slowest[p], pairs[p]);
        joined.pairs[static_cast<std::size_t>(p)] += pairs[p];
      }
    }
    for (std::int64_t p = 0; p < kPixels; ++p) {
      joined.slowest[static_cast<std::size_t>(p)] += slowest[p];
      joined.cycles[static_cast<std::size_t>(p)] += std::max(slowest[p], least);
    }
  }
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512vpopcntdq")

/// One CU: its `Filters` filters times `Words` words against a chunk of eight windows.
template <int Words, int Filters>
inline __m512i join_unit(const __m512i* window, const std::uint64_t* filter) {
  __m512i pairs = _mm512_setzero_si512();
  for (int f = 0; f < Filters; ++f) {
    for (int w = 0; w < Words; ++w) {
      const __m512i mask = _mm512_set1_epi64(static_cast<long long>(filter[f * Words + w]));
      pairs = _mm512_add_epi64(pairs, _mm512_popcnt_epi64(_mm512_and_si512(window[w], mask)));
    }
  }
  return pairs;
}

template <int Words, int Filters>
void join_wide(const std::uint64_t* windows, const GroupMasks& group, std::int64_t least,
               Joined& joined) {
  const std::uint64_t* filter = group.words;
  // The unmasked maximum makes g++ 12 warn of its own headers.
  const __m512i at_least = _mm512_set1_epi64(least);
  __m512i cycles = _mm512_setzero_si512(), all_slowest = cycles, all_pairs = cycles;
  for (std::int64_t chunk = 0; chunk < group.chunks; ++chunk) {
    __m512i window[Words];
    for (int w = 0; w < Words; ++w) {
      window[w] = _mm512_loadu_si512(windows + (chunk * Words + w) * kPixels);
    }
    __m512i slowest = _mm512_setzero_si512();
    for (std::int64_t unit = 0; unit < group.units; ++unit, filter += Words * Filters) {
      const __m512i pairs = join_unit<Words, Filters>(window, filter);
      slowest = _mm512_maskz_max_epi64(0xff, slowest, pairs);
      all_pairs = _mm512_add_epi64(all_pairs, pairs);
    }
    all_slowest = _mm512_add_epi64(all_slowest, slowest);
    cycles = _mm512_add_epi64(cycles, _mm512_maskz_max_epi64(0xff, slowest, at_least));
  }
  _mm512_storeu_si512(joined.cycles.data(), cycles);
  _mm512_storeu_si512(joined.slowest.data(), all_slowest);
  _mm512_storeu_si512(joined.pairs.data(), all_pairs);
}

SYNCOPATE_TARGET_END

bool has_wide() {
  static const bool wide =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
  return wide;
}
#endif

}  // namespace

Joined join(const std::uint64_t* windows, const GroupMasks& group, std::int64_t least) {
  Joined joined;
#if defined(__x86_64__)
  if (group.chunk_words == 2 && has_wide()) {
    (group.per_unit == 2 ? join_wide<2, 2> : join_wide<2, 1>)(windows, group, least, joined);
    return joined;
  }
#endif
  join_plain(windows, group, least, joined);
  return joined;
}

}  // namespace syncopate::accel::sparten
