#include "sim/bit_transpose.h"

#include <algorithm>
#include <array>

#include "base/simd.h"
#include "sim/bits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace syncopate::sim {
namespace {

/// Larger kernels take more extractions than transposing whole matrices.
constexpr std::int64_t kMostExtracted = 16;

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("bmi2")

/// 64 inputs: `count` words of the stream.
void extract(const std::uint64_t* bits, std::int64_t count, std::int64_t kernel,
             const std::uint64_t* masks, const int* first, std::uint64_t* rows,
             std::int64_t words) {
  for (std::int64_t k = 0; k < kernel; ++k) {
    std::uint64_t row = 0;
    for (std::int64_t w = 0; w < count; ++w) {
      row |= _pext_u64(bits[w], masks[w * kernel + k]) << first[w * kernel + k];
    }
    rows[k * words] = row;
  }
}

SYNCOPATE_TARGET_END

/// Some CPUs without AVX-512 have the instruction, but take hundreds of cycles for it.
bool extracts() {
  return __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("avx512f") != 0;
}
#else
void extract(const std::uint64_t*, std::int64_t, std::int64_t, const std::uint64_t*, const int*,
             std::uint64_t*, std::int64_t) {}
bool extracts() { return false; }
#endif

/// In place: bit c of word r becomes bit r of word c. Halves, quarters, ... are swapped.
void transpose_64x64(std::array<std::uint64_t, 64>& m) {
  std::uint64_t mask = 0x00000000FFFFFFFFULL;
  for (unsigned j = 32; j != 0; j >>= 1, mask ^= mask << j) {
    for (unsigned k = 0; k < 64; k = ((k | j) + 1) & ~j) {
      const std::uint64_t t = ((m[k] >> j) ^ m[k | j]) & mask;
      m[k] ^= t << j;
      m[k | j] ^= t;
    }
  }
}

/// Inputs [in, in + 64).
void transpose(const std::uint64_t* bits, std::int64_t in, std::int64_t ins, std::int64_t kernel,
               std::uint64_t* rows, std::int64_t words) {
  std::array<std::uint64_t, 64> matrix;
  for (std::int64_t k = 0; k < kernel; k += 64) {
    const std::int64_t height = std::min<std::int64_t>(64, ins - in);
    const std::int64_t width = std::min<std::int64_t>(64, kernel - k);
    const std::uint64_t keep = width == 64 ? ~0ULL : (1ULL << width) - 1;
    matrix.fill(0);
    for (std::int64_t r = 0; r < height; ++r) {
      matrix[static_cast<std::size_t>(r)] = word_at(bits, (in + r) * kernel + k) & keep;
    }
    transpose_64x64(matrix);
    for (std::int64_t c = 0; c < width; ++c) {
      rows[(k + c) * words + in / 64] = matrix[static_cast<std::size_t>(c)];
    }
  }
}

}  // namespace

BitTranspose::BitTranspose(std::int64_t kernel) : kernel_(kernel) {
  if (kernel > kMostExtracted || !extracts()) return;
  masks_.assign(static_cast<std::size_t>(kernel * kernel), 0);
  first_.assign(masks_.size(), 0);
  for (std::int64_t at = 64 * kernel; at-- > 0;) {  // Backwards: the first input comes last.
    const auto entry = static_cast<std::size_t>(at / 64 * kernel + at % kernel);
    masks_[entry] |= std::uint64_t{1} << (at % 64);
    first_[entry] = static_cast<int>(at / kernel);
  }
}

void BitTranspose::operator()(const std::uint64_t* bits, std::int64_t ins, std::uint64_t* rows,
                              std::int64_t words) const {
  for (std::int64_t in = 0; in < ins; in += 64) {
    if (masks_.empty()) {
      transpose(bits, in, ins, kernel_, rows, words);
    } else {
      const std::int64_t count = (std::min<std::int64_t>(64, ins - in) * kernel_ + 63) / 64;
      extract(bits + in / 64 * kernel_, count, kernel_, masks_.data(), first_.data(),
              rows + in / 64, words);
    }
  }
}

}  // namespace syncopate::sim
