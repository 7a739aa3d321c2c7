// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/lane_rows.h"

#include <algorithm>
#include <cstring>

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

constexpr std::int64_t kLanes = 16;     ///< Rows transposed together.
constexpr std::int64_t kElements = 32;  ///< Of a vector.
/// Elements that are fetched ahead: rows are too far apart for the hardware to see a pattern.
constexpr std::int64_t kAhead = 128;
constexpr std::int64_t kLargestKernel = 16;  ///< Beyond, a vector's elements come from too many.

/// One lane, two pairs at a time.
void put_row(const std::int16_t* from, std::int64_t count, const PairSteps& steps,
             std::int16_t* to) {
  std::int64_t k = 0;
  for (; k + 3 < count; k += 4, to += steps.step) {
    std::memcpy(to, from + k, 4);
    std::memcpy(to + steps.pair_step, from + k + 2, 4);
  }
  for (std::int64_t i = 0; k < count; ++i, ++k) to[(i >> 1) * steps.pair_step + (i & 1)] = from[k];
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw")

#include "ref/transpose16-inl.h"

/// kLanes lanes and kElements elements of each: a pair is 32 bits.
void put_block(const std::int16_t* rows, std::int64_t pitch, const PairSteps& steps,
               std::int16_t* to) {
  __m512i pairs[kLanes];
#pragma GCC unroll 16
  for (std::int64_t r = 0; r < kLanes; ++r) {
    _mm_prefetch(rows + r * pitch + kAhead, _MM_HINT_T0);
    pairs[r] = _mm512_loadu_si512(rows + r * pitch);
  }
  transpose_16x16(pairs);
#pragma GCC unroll 8
  for (std::int64_t p = 0; p < kLanes; p += 2, to += steps.step) {
    _mm512_storeu_si512(to, pairs[p]);
    _mm512_storeu_si512(to + steps.pair_step, pairs[p + 1]);
  }
}

/// kElements times `kernel` elements, to rows `pitch` apart.
void deinterleave_block(const std::int16_t* from, std::int64_t kernel, const std::int16_t* places,
                        const std::uint32_t* masks, std::int16_t* to, std::int64_t pitch) {
  __m512i in[kLargestKernel];
  for (std::int64_t s = 0; s < kernel; ++s) in[s] = _mm512_loadu_si512(from + s * kElements);
  for (std::int64_t k = 0; k < kernel; ++k) {
    __m512i out = _mm512_setzero_si512();
    const __m512i place = _mm512_loadu_si512(places + k * kElements);
    for (std::int64_t s = 0; s < kernel; ++s) {
      out = _mm512_mask_permutexvar_epi16(out, masks[k * kernel + s], place, in[s]);
    }
    _mm512_storeu_si512(to + k * pitch, out);
  }
}

/// The usual kernel: its vectors stay in registers, and are picked from two at a time.
void deinterleave_3x3(const std::int16_t* from, const std::int16_t* places,
                      const std::uint32_t* masks, std::int16_t* to, std::int64_t pitch) {
  __m512i in[9];
#pragma GCC unroll 9
  for (std::int64_t s = 0; s < 9; ++s) in[s] = _mm512_loadu_si512(from + s * kElements);
#pragma GCC unroll 9
  for (std::int64_t k = 0; k < 9; ++k) {
    const __m512i place = _mm512_loadu_si512(places + k * kElements);
    __m512i out = _mm512_permutex2var_epi16(in[0], place, in[1]);
#pragma GCC unroll 3
    for (std::int64_t s = 2; s < 8; s += 2) {
      const __m512i two = _mm512_permutex2var_epi16(in[s], place, in[s + 1]);
      out = _mm512_mask_blend_epi16(masks[k * 9 + s] | masks[k * 9 + s + 1], out, two);
    }
    out = _mm512_mask_permutexvar_epi16(out, masks[k * 9 + 8], place, in[8]);
    _mm512_storeu_si512(to + k * pitch, out);
  }
}

SYNCOPATE_TARGET_END

bool has_blocks() {
  static const bool has =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  return has;
}
#else
void put_block(const std::int16_t*, std::int64_t, const PairSteps&, std::int16_t*) {}
void deinterleave_block(const std::int16_t*, std::int64_t, const std::int16_t*,
                        const std::uint32_t*, std::int16_t*, std::int64_t) {}
void deinterleave_3x3(const std::int16_t*, const std::int16_t*, const std::uint32_t*, std::int16_t*,
                      std::int64_t) {}
bool has_blocks() { return false; }
#endif

}  // namespace

void put_rows(const std::int16_t* rows, std::int64_t pitch, std::int64_t lanes, std::int64_t count,
              const PairSteps& steps, std::int16_t* to) {
  const std::int64_t blocks = has_blocks() ? count / kElements : 0;
  std::int64_t lane = 0;
  for (; lane + kLanes <= lanes && blocks > 0; lane += kLanes) {
    const std::int16_t* from = rows + lane * pitch;
    std::int16_t* target = to + 2 * lane;
    for (std::int64_t b = 0; b < blocks; ++b) {
      put_block(from + b * kElements, pitch, steps, target + b * (kElements / 4) * steps.step);
    }
    const std::int64_t done = blocks * kElements;
    for (std::int64_t l = 0; done < count && l < kLanes; ++l) {
      put_row(from + l * pitch + done, count - done, steps, target + done / 4 * steps.step + 2 * l);
    }
  }
  for (; lane < lanes; ++lane) put_row(rows + lane * pitch, count, steps, to + 2 * lane);
}

Deinterleave::Deinterleave(std::int64_t kernel) : kernel_(kernel) {
  if (kernel > kLargestKernel || !has_blocks()) return;
  places_.resize(static_cast<std::size_t>(kernel * kElements));
  masks_.resize(static_cast<std::size_t>(kernel * kernel));
  for (std::int64_t k = 0; k < kernel; ++k) {
    for (std::int64_t i = 0; i < kElements; ++i) {
      const std::int64_t at = i * kernel + k;
      places_[static_cast<std::size_t>(k * kElements + i)] =
          static_cast<std::int16_t>(at % (2 * kElements));  // In a pair of vectors.
      masks_[static_cast<std::size_t>(k * kernel + at / kElements)] |= std::uint32_t{1} << i;
    }
  }
}

void Deinterleave::operator()(const std::int16_t* from, std::int64_t count,
                              std::int16_t* to) const {
  std::int64_t i = 0;
  for (; !places_.empty() && i + kElements <= count; i += kElements) {
    const std::int16_t* block = from + i * kernel_;
    if (kernel_ == 9) {
      deinterleave_3x3(block, places_.data(), masks_.data(), to + i, count);
    } else {
      deinterleave_block(block, kernel_, places_.data(), masks_.data(), to + i, count);
    }
  }
  for (; i < count; ++i) {
    for (std::int64_t k = 0; k < kernel_; ++k) to[k * count + i] = from[i * kernel_ + k];
  }
}

}  // namespace syncopate::ref
