#include "ref/float_weights.h"

#include <algorithm>

#include "base/simd.h"
#include "ref/float_parallel.h"
#include "ref/float_range.h"

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

constexpr std::int64_t kLanes = 16;

/// Some outputs, at most kLanes.
struct Lanes {
  const float* weights = nullptr;  ///< Of the first; each has `count`.
  std::int64_t count = 0, present = 0;
  const float* scale = nullptr;           ///< Of all, or null.
  const std::int64_t* offsets = nullptr;  ///< Per element.
  float* to = nullptr;
};

#if defined(__x86_64__)
SYNCOPATE_TARGET_BEGIN("avx512f,avx512dq")

#include "ref/transpose16-inl.h"

/// Returns the sums of magnitudes, per output.
__m512 pack_lanes(const Lanes& lanes) {
  // Rows are too far apart for the hardware to foresee; a row's end is followed by the start of the
  // same row of the next lanes.
  constexpr std::int64_t kAhead = 64;
  const auto present = static_cast<__mmask16>((1U << lanes.present) - 1);
  const __m512 scale =
      lanes.scale ? _mm512_maskz_loadu_ps(present, lanes.scale) : _mm512_set1_ps(1);
  __m512 sums = _mm512_setzero_ps();
  for (std::int64_t begin = 0; begin < lanes.count; begin += kLanes) {
    const std::int64_t columns = std::min(kLanes, lanes.count - begin);
    const auto mask = static_cast<__mmask16>((1U << columns) - 1);
    const std::int64_t ahead =
        begin + kAhead < lanes.count ? kAhead : kAhead + (kLanes - 1) * lanes.count;
    __m512i rows[kLanes];
#pragma GCC unroll 16
    for (std::int64_t r = 0; r < kLanes; ++r) {
      const bool there = r < lanes.present;
      const float* from = lanes.weights + (there ? r * lanes.count + begin : 0);
      _mm_prefetch(from + ahead, _MM_HINT_T0);
      rows[r] = _mm512_maskz_loadu_epi32(there ? mask : __mmask16{0}, from);
    }
    transpose_16x16(rows);
    for (std::int64_t c = 0; c < columns; ++c) {
      const __m512 scaled = _mm512_mul_ps(_mm512_castsi512_ps(rows[c]), scale);
      sums = _mm512_add_ps(sums, _mm512_abs_ps(scaled));
      _mm512_storeu_ps(lanes.to + lanes.offsets[begin + c], scaled);
    }
  }
  return sums;
}

void pack_lanes(const Lanes& lanes, float* sums) { _mm512_storeu_ps(sums, pack_lanes(lanes)); }

SYNCOPATE_TARGET_END

bool has_lanes() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0;
}
#else
void pack_lanes(const Lanes&, float*) {}
bool has_lanes() { return false; }
#endif

}  // namespace

std::optional<OutputBlocks> OutputBlocks::of(const dnnl::memory::desc& layout, std::int64_t outs) {
  const dnnl_memory_desc_t& md = layout.data;
  const dnnl_blocking_desc_t& blocking = md.format_desc.blocking;
  if (!has_lanes() || md.format_kind != dnnl_blocked || md.data_type != dnnl_f32 || md.ndims < 3 ||
      md.ndims > 5 || md.offset0 != 0 || md.dims[0] != outs || blocking.inner_nblks != 1 ||
      blocking.inner_idxs[0] != 0 || blocking.inner_blks[0] % kLanes != 0) {
    return std::nullopt;
  }
  for (int d = 1; d < md.ndims; ++d) {
    if (md.padded_dims[d] != md.dims[d]) return std::nullopt;
  }
  OutputBlocks result;
  result.outs_ = md.dims[0];
  result.padded_outs_ = md.padded_dims[0];
  result.block_ = blocking.inner_blks[0];
  result.block_step_ = blocking.strides[0];
  result.offsets_ = {0};
  for (int d = 1; d < md.ndims; ++d) {
    std::vector<std::int64_t> finer;
    for (const std::int64_t offset : result.offsets_) {
      for (std::int64_t i = 0; i < md.dims[d]; ++i) {
        finer.push_back(offset + i * blocking.strides[d]);
      }
    }
    result.offsets_ = std::move(finer);
  }
  return result;
}

double OutputBlocks::pack(const float* weights, std::span<const float> scale, float* to) const {
  const auto count = static_cast<std::int64_t>(offsets_.size());
  const std::int64_t groups = padded_outs_ / kLanes;
  std::vector<float> sums(static_cast<std::size_t>(padded_outs_));
  parallel_each(groups, count * kLanes, [&](std::int64_t group) {
    const std::int64_t out = group * kLanes;
    Lanes lanes;
    lanes.weights = weights + out * count;
    lanes.count = count;
    lanes.present = std::clamp<std::int64_t>(outs_ - out, 0, kLanes);
    if (!scale.empty()) lanes.scale = scale.data() + out;
    lanes.offsets = offsets_.data();
    lanes.to = to + out / block_ * block_step_ + out % block_;
    pack_lanes(lanes, sums.data() + out);
  });
  double largest = 0;
  for (const float sum : sums) largest = larger(largest, static_cast<double>(sum));
  return largest;
}

}  // namespace syncopate::ref
