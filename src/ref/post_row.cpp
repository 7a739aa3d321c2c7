// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/post_row.h"

#include <algorithm>
#include <limits>

#include "base/simd.h"
#include "gconv/fixed_post.h"

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

/// Elements handled at a time, so that intermediate values stay in the first cache.
constexpr std::size_t kChunk = 256;

struct Bounds {
  std::int64_t low, high;
};

// Rounding to even: adding just under half of 2^shift, plus one when the floor is odd, and then
// shifting rounds ties to even. Sums stay below 2^62 (the verifier holds that), so nothing
// overflows.

SYNCOPATE_MULTIVERSION
void scale_channels(const std::int64_t* __restrict sums, const std::int64_t* __restrict multiplier,
                    const std::int64_t* __restrict bias, const std::int64_t* __restrict shift,
                    const std::int64_t* __restrict half, const std::int64_t* __restrict odd,
                    Bounds bounds, std::size_t count, std::int64_t* __restrict result) {
  const std::int64_t low = bounds.low;
  const std::int64_t high = bounds.high;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = sums[i] * multiplier[i] + bias[i];
    const std::int64_t y = (value + half[i] + ((value >> shift[i]) & odd[i])) >> shift[i];
    const std::int64_t above = y < low ? low : y;
    result[i] = above > high ? high : above;
  }
}

SYNCOPATE_MULTIVERSION
void scale_uniform(const std::int64_t* __restrict sums, std::int64_t multiplier, std::int64_t bias,
                   std::int64_t shift, std::int64_t half, std::int64_t odd, Bounds bounds,
                   std::size_t count, std::int64_t* __restrict result) {
  const std::int64_t low = bounds.low;
  const std::int64_t high = bounds.high;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = sums[i] * multiplier + bias;
    const std::int64_t y = (value + half + ((value >> shift) & odd)) >> shift;
    const std::int64_t above = y < low ? low : y;
    result[i] = above > high ? high : above;
  }
}

/// As scale_channels or scale_uniform, straight to 16 bits: the usual end of a convolution and of
/// an addition.
SYNCOPATE_MULTIVERSION
void scale_channels_i16(const std::int64_t* __restrict sums, const PostRow::Channels& post,
                        std::size_t channel, std::size_t count, std::int16_t* __restrict result) {
  const std::int64_t* __restrict multiplier = post.multiplier.data() + channel;
  const std::int64_t* __restrict bias = post.bias.data() + channel;
  const std::int64_t* __restrict shift = post.shift.data() + channel;
  const std::int64_t* __restrict half = post.half.data() + channel;
  const std::int64_t* __restrict odd = post.odd.data() + channel;
  const std::int64_t low = post.low;
  const std::int64_t high = post.high;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = sums[i] * multiplier[i] + bias[i];
    const std::int64_t y = (value + half[i] + ((value >> shift[i]) & odd[i])) >> shift[i];
    const std::int64_t above = y < low ? low : y;
    result[i] = static_cast<std::int16_t>(above > high ? high : above);
  }
}

SYNCOPATE_MULTIVERSION
void scale_uniform_i16(const std::int64_t* __restrict sums, const PostRow::Channels& post,
                       std::size_t channel, std::size_t count, std::int16_t* __restrict result) {
  const std::int64_t multiplier = post.multiplier[channel];
  const std::int64_t bias = post.bias[channel];
  const std::int64_t shift = post.shift[channel];
  const std::int64_t half = post.half[channel];
  const std::int64_t odd = post.odd[channel];
  const std::int64_t low = post.low;
  const std::int64_t high = post.high;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = sums[i] * multiplier + bias;
    const std::int64_t y = (value + half + ((value >> shift) & odd)) >> shift;
    const std::int64_t above = y < low ? low : y;
    result[i] = static_cast<std::int16_t>(above > high ? high : above);
  }
}

/// Rows of sums of the same channels.
struct SumRows {
  const std::int64_t* sums = nullptr;
  std::int64_t pitch = 0;
  std::size_t count = 0;
  std::span<void* const> out;
};

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq")

/// Eight channels at a time, all rows.
void scale_rows_i16(const SumRows& rows, const PostRow::Channels& post, std::size_t channel,
                    bool uniform) {
  const __m512i low = _mm512_set1_epi64(post.low), high = _mm512_set1_epi64(post.high);
  for (std::size_t i = 0; i < rows.count; i += 8) {
    const std::size_t left = rows.count - i;
    const auto mask = static_cast<__mmask8>(left >= 8 ? 0xffU : (1U << left) - 1);
    const auto load = [&](const std::vector<std::int64_t>& numbers) {
      return uniform ? _mm512_set1_epi64(numbers[channel])
                     : _mm512_maskz_loadu_epi64(mask, numbers.data() + channel + i);
    };
    const __m512i multiplier = load(post.multiplier), bias = load(post.bias);
    const __m512i shift = load(post.shift), half = load(post.half), odd = load(post.odd);
    const std::int64_t* from = rows.sums + i;
    for (void* const out : rows.out) {
      const __m512i sum = _mm512_maskz_loadu_epi64(mask, from);
      const __m512i value = _mm512_add_epi64(_mm512_mullo_epi64(sum, multiplier), bias);
      const __m512i tie = _mm512_and_si512(_mm512_srav_epi64(value, shift), odd);
      const __m512i rounded =
          _mm512_srav_epi64(_mm512_add_epi64(_mm512_add_epi64(value, half), tie), shift);
      const __m512i held = _mm512_min_epi64(_mm512_max_epi64(rounded, low), high);
      auto* to = reinterpret_cast<__m128i*>(static_cast<std::int16_t*>(out) + i);
      const __m128i narrow = _mm512_cvtepi64_epi16(held);
      if (left >= 8) {  // Masked stores are slow, above all those that narrow.
        _mm_storeu_si128(to, narrow);
      } else {
        _mm_mask_storeu_epi16(to, mask, narrow);
      }
      from += rows.pitch;
    }
  }
}

SYNCOPATE_TARGET_END

bool scales_rows() {
  static const bool scales =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  return scales;
}
#else
void scale_rows_i16(const SumRows&, const PostRow::Channels&, std::size_t, bool) {}
bool scales_rows() { return false; }
#endif

SYNCOPATE_MULTIVERSION
void narrow_i16(const std::int64_t* __restrict from, std::size_t count,
                std::int16_t* __restrict to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int16_t>(from[i]);
}

SYNCOPATE_MULTIVERSION
void narrow_i8(const std::int64_t* __restrict from, std::size_t count, std::int8_t* __restrict to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int8_t>(from[i]);
}

template <class T>
void store_strided(const std::int64_t* from, std::size_t count, T* to, std::int64_t step) {
  for (std::size_t i = 0; i < count; ++i) {
    to[static_cast<std::int64_t>(i) * step] = static_cast<T>(from[i]);
  }
}

void store(const std::int64_t* from, std::size_t count, DType dtype, void* out, std::int64_t at,
           std::int64_t step) {
  switch (dtype) {
    case DType::i8: {
      auto* to = static_cast<std::int8_t*>(out) + at * step;
      step == 1 ? narrow_i8(from, count, to) : store_strided(from, count, to, step);
      return;
    }
    case DType::i16: {
      auto* to = static_cast<std::int16_t*>(out) + at * step;
      step == 1 ? narrow_i16(from, count, to) : store_strided(from, count, to, step);
      return;
    }
    case DType::i64: {
      auto* to = static_cast<std::int64_t*>(out) + at * step;
      step == 1 ? static_cast<void>(std::copy_n(from, count, to))
                : store_strided(from, count, to, step);
      return;
    }
    default:
      broken("a post writes {}", name_of(dtype));
  }
}

std::int64_t half_of(std::int64_t shift) {
  return shift == 0 ? 0 : (std::int64_t{1} << (shift - 1)) - 1;
}

}  // namespace

PostRow::PostRow(const gconv::FixedPost* post) : post_(post) {
  if (post == nullptr) return;
  const std::size_t channels =
      std::max({post->multiplier.size(), post->bias.size(), post->shift.size()});
  for (std::size_t c = 0; c < channels; ++c) {
    const auto channel = static_cast<std::int64_t>(c);
    channels_.multiplier.push_back(gconv::channel_entry(post->multiplier, channel));
    channels_.bias.push_back(gconv::channel_entry(post->bias, channel));
    channels_.shift.push_back(gconv::channel_entry(post->shift, channel));
    channels_.half.push_back(half_of(channels_.shift.back()));
    channels_.odd.push_back(channels_.shift.back() == 0 ? 0 : 1);
  }
  channels_.low = post->low;
  channels_.high = post->high;
}

bool PostRow::keeps(DType dtype) const {
  if (post_ == nullptr) return true;
  if (!uniform() || post_->table || channels_.multiplier[0] != 1 || channels_.bias[0] != 0 ||
      channels_.shift[0] != 0) {
    return false;
  }
  const std::int64_t limit = dtype == DType::i8    ? std::numeric_limits<std::int8_t>::max()
                             : dtype == DType::i16 ? std::numeric_limits<std::int16_t>::max()
                                                   : std::numeric_limits<std::int64_t>::max();
  return post_->low <= -limit - 1 && post_->high >= limit;
}

void PostRow::scale(std::span<const std::int64_t> sums, std::int64_t channel, std::int64_t step,
                    std::int64_t* result) const {
  const Channels& p = channels_;
  const Bounds bounds{p.low, p.high};
  const std::size_t c = uniform() ? 0 : static_cast<std::size_t>(channel);
  if (uniform() || step == 0) {
    scale_uniform(sums.data(), p.multiplier[c], p.bias[c], p.shift[c], p.half[c], p.odd[c], bounds,
                  sums.size(), result);
  } else if (step == 1) {
    scale_channels(sums.data(), p.multiplier.data() + c, p.bias.data() + c, p.shift.data() + c,
                   p.half.data() + c, p.odd.data() + c, bounds, sums.size(), result);
  } else {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      scale(sums.subspan(i, 1), channel + static_cast<std::int64_t>(i) * step, 0, result + i);
    }
  }
}

void PostRow::apply(std::span<const std::int64_t> sums, std::int64_t channel, std::int64_t step,
                    DType dtype, void* out, std::int64_t out_step) const {
  if (post_ != nullptr && !post_->table && dtype == DType::i16 && out_step == 1) {
    auto* to = static_cast<std::int16_t*>(out);
    if (uniform() || step == 0) {
      return scale_uniform_i16(sums.data(), channels_,
                               uniform() ? 0 : static_cast<std::size_t>(channel), sums.size(), to);
    }
    if (step == 1) {
      return scale_channels_i16(sums.data(), channels_, static_cast<std::size_t>(channel),
                                sums.size(), to);
    }
  }
  std::int64_t scaled[kChunk];
  for (std::size_t begin = 0; begin < sums.size(); begin += kChunk) {
    const auto part = sums.subspan(begin, std::min(kChunk, sums.size() - begin));
    const auto at = static_cast<std::int64_t>(begin);
    if (post_ == nullptr) {
      store(part.data(), part.size(), dtype, out, at, out_step);
      continue;
    }
    scale(part, channel + at * step, step, scaled);
    if (post_->table) {
      const std::vector<std::int16_t>& table = *post_->table;
      for (std::size_t i = 0; i < part.size(); ++i) {
        scaled[i] = table[static_cast<std::size_t>(scaled[i] - post_->low)];
      }
    }
    store(scaled, part.size(), dtype, out, at, out_step);
  }
}

void PostRow::apply_rows(const std::int64_t* sums, std::int64_t pitch, std::size_t count,
                         std::int64_t channel, std::int64_t step, DType dtype,
                         std::span<void* const> out, std::int64_t out_step) const {
  const bool one = uniform() || step == 0;
  if (scales_rows() && post_ != nullptr && !post_->table && dtype == DType::i16 && out_step == 1 &&
      (one || step == 1)) {
    const std::size_t first = uniform() ? 0 : static_cast<std::size_t>(channel);
    return scale_rows_i16({sums, pitch, count, out}, channels_, first, one);
  }
  for (void* const to : out) {
    apply({sums, count}, channel, step, dtype, to, out_step);
    sums += pitch;
  }
}

}  // namespace syncopate::ref
