#include "accel/swallow/match.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "array/patches.h"
#include "base/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::accel::swallow {
namespace {

SYNCOPATE_MULTIVERSION std::int64_t match_plain(const std::uint32_t* windows,
                                                const KernelBlock& block, std::int32_t* most) {
  std::int64_t all = 0;
  std::fill_n(most, kPixels, 0);
  for (std::int64_t kernel = 0; kernel < block.kernels; ++kernel) {
    const std::uint32_t* mask = block.units + kernel * block.count;
    std::int32_t pairs[kPixels] = {};
    for (std::int64_t u = 0; u < block.count; ++u) {
      for (std::int64_t p = 0; p < kPixels; ++p) {
        pairs[p] += std::popcount(windows[u * kPixels + p] & mask[u]);
      }
    }
    for (std::int64_t p = 0; p < kPixels; ++p) {
      most[p] = std::max(most[p], pairs[p]);
      all += pairs[p];
    }
  }
  return all;
}

SYNCOPATE_MULTIVERSION std::int64_t count_plain(const std::uint32_t* units, std::int64_t number) {
  std::int64_t found = 0;
  for (std::int64_t u = 0; u < number; ++u) found += std::popcount(units[u]);
  return found;
}

SYNCOPATE_MULTIVERSION std::int64_t match_one_plain(const std::uint32_t* window,
                                                    const KernelBlock& block, std::int32_t& most) {
  std::int64_t all = 0;
  std::int32_t slowest = 0;
  const std::uint32_t* mask = block.units;
  for (std::int64_t kernel = 0; kernel < block.kernels; ++kernel, mask += block.count) {
    std::int32_t pairs = 0;
    for (std::int64_t u = 0; u < block.count; ++u) pairs += std::popcount(window[u] & mask[u]);
    slowest = std::max(slowest, pairs);
    all += pairs;
  }
  most = slowest;
  return all;
}

SYNCOPATE_MULTIVERSION void match_plane_plain(const std::uint32_t* window, const PlaneRows& rows,
                                              std::int64_t blocks, const std::int64_t* reads_of,
                                              std::int32_t* most, PlaneMatch* match) {
  std::fill_n(most, blocks, 0);
  const std::uint64_t* row = rows.first;
  for (std::int64_t kernel = 0; kernel < rows.kernels; ++kernel, row += rows.words) {
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t at = rows.unit + b;
      const auto mask = static_cast<std::uint32_t>(row[at / 2] >> (at % 2 * kUnitBits));
      const std::int32_t pairs = std::popcount(mask & window[b]);
      most[b] = std::max(most[b], pairs);
      match->pairs += pairs;
      match->reads += reads_of[std::popcount(mask)];
    }
  }
}

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512vpopcntdq")

/// With `Units` units per block known, windows stay in registers; 0: any number.
template <int Units>
std::int64_t match_wide(const std::uint32_t* windows, const KernelBlock& block,
                        std::int32_t* most) {
  const std::int64_t units = Units > 0 ? Units : block.count;
  __m512i window[Units > 0 ? Units : 1];
  for (int u = 0; u < Units; ++u) window[u] = _mm512_loadu_si512(windows + u * kPixels);
  __m512i slowest = _mm512_setzero_si512(), all = slowest;
  const std::uint32_t* mask = block.units;
  for (std::int64_t kernel = 0; kernel < block.kernels; ++kernel, mask += units) {
    __m512i pairs = _mm512_setzero_si512();
    for (std::int64_t u = 0; u < units; ++u) {
      const __m512i at =
          Units > 0 ? window[Units > 0 ? u : 0] : _mm512_loadu_si512(windows + u * kPixels);
      const __m512i both = _mm512_and_si512(at, _mm512_set1_epi32(static_cast<int>(mask[u])));
      pairs = _mm512_add_epi32(pairs, _mm512_popcnt_epi32(both));
    }
    // The unmasked maximum makes g++ 12 warn of its own headers.
    slowest = _mm512_maskz_max_epi32(0xffff, slowest, pairs);
    all = _mm512_add_epi32(all, pairs);
  }
  _mm512_storeu_si512(most, slowest);
  std::int32_t lanes[kPixels];
  _mm512_storeu_si512(lanes, all);
  std::int64_t total = 0;
  for (const std::int32_t lane : lanes) total += lane;
  return total;
}

SYNCOPATE_TARGET_END

bool has_wide() {
  static const bool wide =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
  return wide;
}
#endif

}  // namespace

std::int64_t match(const std::uint32_t* windows, const KernelBlock& block, std::int32_t* most) {
#if defined(__x86_64__)
  if (has_wide()) {
    if (block.count == 9) return match_wide<9>(windows, block, most);
    if (block.count == 1) return match_wide<1>(windows, block, most);
    return match_wide<0>(windows, block, most);
  }
#endif
  return match_plain(windows, block, most);
}

std::int64_t match_one(const std::uint32_t* window, const KernelBlock& block, std::int32_t& most) {
  return match_one_plain(window, block, most);
}

std::int64_t count_units(const std::uint32_t* units, std::int64_t number) {
  return count_plain(units, number);
}

PlaneMatch match_plane(const std::uint32_t* window, const PlaneRows& rows, std::int64_t blocks,
                       const std::int64_t* reads_of, std::int32_t* most) {
  PlaneMatch match;
  match_plane_plain(window, rows, blocks, reads_of, most, &match);
  return match;
}

void cut_block(const std::uint64_t* row, std::int64_t kernel, std::int64_t pitch,
               std::int64_t begin, std::int64_t ins, std::uint32_t* units) {
  if (ins == 32 && pitch % 32 == 0 && begin % 32 == 0) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::int64_t bit = k * pitch + begin;
      units[k] = static_cast<std::uint32_t>(row[bit / 64] >> (bit % 64));
    }
    return;
  }
  thread_local std::vector<std::uint64_t> words;
  words.assign(static_cast<std::size_t>((kernel * ins + 63) / 64 + 1), 0);
  for (std::int64_t k = 0; k < kernel; ++k) {
    array::append_bits(row, k * pitch + begin, ins, words.data(), k * ins);
  }
  for (std::int64_t u = 0; u < block_units(kernel, ins); ++u) {
    units[u] = static_cast<std::uint32_t>(words[static_cast<std::size_t>(u / 2)] >> (u % 2 * 32));
  }
}

}  // namespace syncopate::accel::swallow
