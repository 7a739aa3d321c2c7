// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/dot_tile.h"

#include <cstring>
#include <vector>

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

/// Plain code for any CPU, and the yardstick of the vector versions.
namespace plain {

constexpr int kLanes = 8;

template <int kActive, bool kTwoDigits>
void tile(const TileArgs& args) {
  std::int64_t sums[kActive] = {};
  const std::int16_t* weights = args.weights;
  for (const Segment& segment : args.segments) {
    std::int32_t high[kActive] = {};
    std::int32_t low[kActive] = {};
    const std::int16_t* x = args.first + args.pixels[0] + segment.offset;
    const std::int16_t* y =
        static_cast<const std::int16_t*>(args.second) + args.pixels[0] + segment.offset;
    for (std::int32_t n = 0; n < segment.pairs; ++n, x += 2, y += 2, weights += 2 * kActive) {
      for (int l = 0; l < kActive; ++l) {
        high[l] += weights[2 * l] * x[0] + weights[2 * l + 1] * x[1];
        if constexpr (kTwoDigits) low[l] += weights[2 * l] * y[0] + weights[2 * l + 1] * y[1];
      }
    }
    for (int l = 0; l < kActive; ++l) {
      sums[l] += kTwoDigits ? 256 * std::int64_t{high[l]} + low[l] : high[l];
    }
  }
  std::memcpy(args.sums, sums, sizeof sums);
}

}  // namespace plain

#if defined(__x86_64__)

// The two AVX-512 versions differ in how they multiply; intrinsics must be seen inside the target
// region, so the text is shared by a macro.
#define SYNCOPATE_AVX512_SIMD(dot_expression, more)                                                \
  struct Simd {                                                                                    \
    using Wide = __m512i;                                                                          \
    using Narrow = __m512i;                                                                        \
    static constexpr int kLanes = 16;                                                              \
    static Wide zero() { return _mm512_setzero_si512(); }                                          \
    static Narrow load(const void* from) { return _mm512_load_si512(from); }                       \
    static Narrow four_bytes(const void* from) {                                                   \
      int four;                                                                                    \
      std::memcpy(&four, from, sizeof four);                                                       \
      return _mm512_set1_epi32(four);                                                              \
    }                                                                                              \
    static Wide dot(Wide sum, Narrow a, Narrow b) { return dot_expression; }                       \
    more template <int kShift>                                                                     \
    static void flush_half(__m256i upper, __m256i lower, bool first, std::int64_t* to) {           \
      __m512i sum = _mm512_cvtepi32_epi64(lower);                                                  \
      if (kShift > 0) {                                                                            \
        sum = _mm512_add_epi64(_mm512_slli_epi64(_mm512_cvtepi32_epi64(upper), kShift), sum);      \
      }                                                                                            \
      if (!first) sum = _mm512_add_epi64(sum, _mm512_load_si512(to));                              \
      _mm512_store_si512(to, sum);                                                                 \
    }                                                                                              \
    template <int kShift>                                                                          \
    static void flush(Wide upper, Wide lower, bool first, std::int64_t* to) {                      \
      flush_half<kShift>(_mm512_castsi512_si256(upper), _mm512_castsi512_si256(lower), first, to); \
      flush_half<kShift>(_mm512_extracti64x4_epi64(upper, 1), _mm512_extracti64x4_epi64(lower, 1), \
                         first, to + 8);                                                           \
    }                                                                                              \
  }
#define SYNCOPATE_VNNI_BYTES                                                                     \
  static Wide dot_bytes(Wide sum, Narrow a, Narrow b) { return _mm512_dpbusd_epi32(sum, a, b); } \
  static Wide load_any(const void* from) { return _mm512_loadu_si512(from); }                    \
  static Wide minus_shifted(Wide a, Wide b) {                                                    \
    return _mm512_sub_epi32(a, _mm512_slli_epi32(b, 16));                                        \
  }

SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
namespace vnni512 {
SYNCOPATE_AVX512_SIMD(_mm512_dpwssd_epi32(sum, a, b), SYNCOPATE_VNNI_BYTES);
// clang-format off: the second text continues the first
#include "ref/dot_tile-inl.h"
#include "ref/dot_tile_bytes-inl.h"
// clang-format on
}  // namespace vnni512
SYNCOPATE_TARGET_END

SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq")
namespace avx512 {
SYNCOPATE_AVX512_SIMD(_mm512_add_epi32(sum, _mm512_madd_epi16(a, b)), );
#include "ref/dot_tile-inl.h"
}  // namespace avx512
SYNCOPATE_TARGET_END

#undef SYNCOPATE_VNNI_BYTES
#undef SYNCOPATE_AVX512_SIMD

SYNCOPATE_TARGET_BEGIN("avx2")
namespace avx2 {
struct Simd {
  using Wide = __m256i;
  using Narrow = __m256i;
  static constexpr int kLanes = 8;
  static Wide zero() { return _mm256_setzero_si256(); }
  static Narrow load(const std::int16_t* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static Narrow four_bytes(const void* from) {
    int four;
    std::memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
  }
  static Wide dot(Wide sum, Narrow a, Narrow b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  }
  template <int kShift>
  static void flush_half(__m128i upper, __m128i lower, bool first, std::int64_t* to) {
    auto* address = reinterpret_cast<__m256i*>(to);
    __m256i sum = _mm256_cvtepi32_epi64(lower);
    if (kShift > 0) {
      sum = _mm256_add_epi64(_mm256_slli_epi64(_mm256_cvtepi32_epi64(upper), kShift), sum);
    }
    if (!first) sum = _mm256_add_epi64(sum, _mm256_load_si256(address));
    _mm256_store_si256(address, sum);
  }
  template <int kShift>
  static void flush(Wide upper, Wide lower, bool first, std::int64_t* to) {
    flush_half<kShift>(_mm256_castsi256_si128(upper), _mm256_castsi256_si128(lower), first, to);
    flush_half<kShift>(_mm256_extracti128_si256(upper, 1), _mm256_extracti128_si256(lower, 1),
                       first, to + 4);
  }
};
#include "ref/dot_tile-inl.h"
}  // namespace avx2
SYNCOPATE_TARGET_END

#endif  // defined(__x86_64__)

std::vector<TileKernel> supported() {
  std::vector<TileKernel> kernels;
#if defined(__x86_64__)
  const bool avx512f = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx512f && __builtin_cpu_supports("avx512vnni")) {
    using namespace vnni512;
    kernels.push_back({"avx512vnni",
                       7,
                       32,
                       {tile<7, 2, false>, tile<7, 1, false>},
                       {tile<7, 2, true>, tile<7, 1, true>},
                       {tile_bytes<7, 2>, tile_bytes<7, 1>}});
  }
  if (avx512f) {
    using namespace avx512;  // one register more is needed than with VNNI
    kernels.push_back({"avx512",
                       6,
                       32,
                       {tile<6, 2, false>, tile<6, 1, false>},
                       {tile<6, 2, true>, tile<6, 1, true>},
                       {}});
  }
  if (__builtin_cpu_supports("avx2")) {
    using namespace avx2;
    kernels.push_back({"avx2",
                       3,
                       16,
                       {tile<3, 2, false>, tile<3, 1, false>},
                       {tile<3, 2, true>, tile<3, 1, true>},
                       {}});
  }
#endif
  using plain::kLanes;
  kernels.push_back({"plain",
                     1,
                     kLanes,
                     {plain::tile<kLanes, false>, plain::tile<kLanes / 2, false>},
                     {plain::tile<kLanes, true>, plain::tile<kLanes / 2, true>},
                     {}});
  return kernels;
}

}  // namespace

std::span<const TileKernel> tile_kernels() {
  static const std::vector<TileKernel> kernels = supported();
  return kernels;
}

}  // namespace syncopate::ref
