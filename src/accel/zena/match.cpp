#include "accel/zena/match.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::accel::zena {
namespace {

constexpr std::int64_t kLanes = 8;
using Lanes = std::array<std::int64_t, kLanes>;

SYNCOPATE_MULTIVERSION void match_plain(const std::uint64_t* tiles, std::int64_t planes,
                                        std::int64_t words, const std::uint64_t* kernel,
                                        Lanes& pairs) {
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t w = 0; w < words; ++w, tiles += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        pairs[lane] += std::int64_t{std::popcount(tiles[lane] & kernel[w])} << plane;
      }
    }
  }
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512vpopcntdq")

void match_wide(const std::uint64_t* tiles, std::int64_t planes, std::int64_t words,
                const std::uint64_t* kernel, Lanes& pairs) {
  __m512i total = _mm512_setzero_si512();
  // Higher planes first: what is there counts twice at each step down.
  for (std::int64_t plane = planes - 1; plane >= 0; --plane) {
    const std::uint64_t* at = tiles + plane * words * kLanes;
    __m512i sum = _mm512_setzero_si512();
    for (std::int64_t w = 0; w < words; ++w, at += kLanes) {
      const __m512i mask = _mm512_set1_epi64(static_cast<long long>(kernel[w]));
      const __m512i both = _mm512_and_si512(_mm512_loadu_si512(at), mask);
      sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
    }
    total = _mm512_add_epi64(_mm512_add_epi64(total, total), sum);
  }
  _mm512_storeu_si512(pairs.data(), total);
}

SYNCOPATE_TARGET_END

bool has_wide() {
  static const bool wide =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
  return wide;
}
#endif

}  // namespace

void TileCounts::reset(std::int64_t words) {
  words_ = words;
  tiles_ = 0;
}

void TileCounts::add(const std::uint64_t* rows, std::int64_t pixels) {
  counter_.reset(words_);
  counter_.add(rows, pixels);
  const auto number = static_cast<std::size_t>(tiles_ / kLanes);
  if (blocks_.size() <= number) blocks_.resize(number + 1);
  Block& block = blocks_[number];
  if (tiles_ % kLanes == 0) {
    block.planes = 0;
    block.words.clear();
  }
  block.planes = std::max(block.planes, counter_.planes());
  block.words.resize(static_cast<std::size_t>(block.planes * words_ * kLanes), 0);
  std::uint64_t* to = block.words.data() + tiles_ % kLanes;
  for (const std::uint64_t word : counter_.all()) {
    *to = word;
    to += kLanes;
  }
  ++tiles_;
}

void TileCounts::match(const std::uint64_t* kernel, std::int32_t* pairs, std::int64_t pitch) const {
  for (std::int64_t first = 0; first < tiles_; first += kLanes) {
    const Block& block = blocks_[static_cast<std::size_t>(first / kLanes)];
    Lanes found{};
#if defined(__x86_64__)
    const auto match_block = has_wide() ? match_wide : match_plain;
#else
    const auto match_block = match_plain;
#endif
    match_block(block.words.data(), block.planes, words_, kernel, found);
    for (std::int64_t lane = 0; lane < std::min(kLanes, tiles_ - first); ++lane) {
      pairs[(first + lane) * pitch] =
          static_cast<std::int32_t>(found[static_cast<std::size_t>(lane)]);
    }
  }
}

}  // namespace syncopate::accel::zena
