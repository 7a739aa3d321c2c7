#include "accel/flexflow/relaxed_kernel.h"

#include <algorithm>
#include <utility>

#include "base/simd.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined upper halves inside its own intrinsics for our mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace syncopate::accel::flexflow {

#if defined(__x86_64__)

SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512bitalg")
namespace {

constexpr int kRows = 16;  ///< Worked on together: their latest PEs are found by transposition.

/// Calls use(0), ..., use(15), each with a constant once inlined: arrays stay in registers.
template <class Use>
inline __attribute__((always_inline)) void for_rows(const Use& use) {
  [&]<int... r>(std::integer_sequence<int, r...>)
      __attribute__((always_inline)) { (use(r), ...); }(std::make_integer_sequence<int, kRows>());
}

/// Vectors of rows r, ..., r+15 to one vector whose lane i is the maximum of vector i.
inline __m512i max_of_each(const __m512i (&rows)[kRows]) {
  __m512i pairs[8], fours[4];
  for (int i = 0; i < 8; ++i) {
    pairs[i] = _mm512_max_epi32(_mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]),
                                _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]));
  }
  for (int i = 0; i < 4; ++i) {
    fours[i] = _mm512_max_epi32(_mm512_unpacklo_epi64(pairs[2 * i], pairs[2 * i + 1]),
                                _mm512_unpackhi_epi64(pairs[2 * i], pairs[2 * i + 1]));
  }
  const __m512i low = _mm512_max_epi32(_mm512_shuffle_i32x4(fours[0], fours[1], 0x44),
                                       _mm512_shuffle_i32x4(fours[0], fours[1], 0xee));
  const __m512i high = _mm512_max_epi32(_mm512_shuffle_i32x4(fours[2], fours[3], 0x44),
                                        _mm512_shuffle_i32x4(fours[2], fours[3], 0xee));
  return _mm512_max_epi32(_mm512_shuffle_i32x4(low, high, 0x88),
                          _mm512_shuffle_i32x4(low, high, 0xdd));
}

/// Pairs of 16 PEs, and in `beats` the cycles that scanning for them takes.
template <int kWords, bool kScan>
inline __m512i match(const KernelArgs& a, const std::uint32_t* neurons,
                     const std::uint32_t* synapses, std::int64_t column, __m512i& beats) {
  const std::int64_t words = kWords == 0 ? a.segment.words : kWords;
  __m512i pairs = _mm512_setzero_si512();
  beats = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (std::int64_t w = 0; w < words; ++w) {
    const std::int64_t at = w * a.lanes + column;
    const __m512i both =
        _mm512_and_si512(_mm512_loadu_si512(neurons + at), _mm512_loadu_si512(synapses + at));
    const __m512i count = _mm512_popcnt_epi32(both);
    pairs = _mm512_add_epi32(pairs, count);
    if constexpr (kScan) {
      if (a.slices == 4) continue;
      const __m512i floor = _mm512_loadu_si512(a.segment.floors + at);
      if (a.slices == 2) {
        beats = _mm512_add_epi32(beats, _mm512_max_epi32(count, floor));
      } else {
        const __m512i halves = _mm512_max_epi16(_mm512_popcnt_epi16(both), floor);
        beats = _mm512_add_epi32(
            beats, _mm512_add_epi32(_mm512_and_si512(halves, _mm512_set1_epi32(0xffff)),
                                    _mm512_srli_epi32(halves, 16)));
      }
    }
  }
  if constexpr (!kScan) {
    beats = pairs;
  } else {
    if (a.slices == 4) beats = pairs;
    if (a.segment.minimum != nullptr) {
      beats = _mm512_max_epi32(beats, _mm512_loadu_si512(a.segment.minimum + column));
    }
  }
  return pairs;
}

/// All steps of a segment for 16 rows from `row0`; kColumns vectors of columns.
template <int kColumns, int kWords, bool kScan>
void run_rows(const KernelArgs& a, std::int64_t row0) {
  const Segment& g = a.segment;
  __m512i finish[kColumns][kRows];
  for (int c = 0; c < kColumns; ++c) {
    for (int r = 0; r < kRows; ++r) {
      finish[c][r] = _mm512_loadu_si512(a.finish + (row0 + r) * a.lanes + 16 * c);
    }
  }
  __m512i reduced = _mm512_loadu_si512(a.reduced + row0);
  __m512i issued = _mm512_setzero_si512(), busy = _mm512_setzero_si512();
  const __m512i alive = _mm512_loadu_si512(g.alive + row0);
  std::int64_t slot = a.slack == 0 ? 0 : a.first_step % a.slack;
  for (std::int64_t step = 0; step < g.steps; ++step) {
    const std::int64_t at = step * a.lanes + row0;
    std::int32_t* ring = a.slack == 0 ? nullptr : a.ring + slot * a.lanes + row0;
    __m512i gate = _mm512_set1_epi32(a.gate);
    if (a.slack != 0) gate = _mm512_max_epi32(gate, _mm512_loadu_si512(ring));
    alignas(64) std::int32_t gates[kRows], present[kRows];
    _mm512_store_si512(gates, gate);
    const __m512i here = _mm512_and_si512(_mm512_loadu_si512(g.present + at), alive);
    if constexpr (kScan) _mm512_store_si512(present, here);
    __m512i latest = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        __m512i beats;
        const __m512i pairs = match<kWords, kScan>(
            a, g.neurons + g.neurons_at[at + r], g.synapses + g.synapses_at[at + r], 16 * c, beats);
        if constexpr (kScan) {
          beats = _mm512_and_si512(beats, _mm512_set1_epi32(present[r]));
          busy = _mm512_add_epi32(busy, beats);
        }
        issued = _mm512_add_epi32(issued, pairs);
        finish[c][r] =
            _mm512_add_epi32(_mm512_max_epi32(finish[c][r], _mm512_set1_epi32(gates[r])), beats);
      }
      latest = _mm512_max_epi32(latest, max_of_each(finish[c]));
    }
    const __mmask16 outputs = _mm512_test_epi32_mask(here, here);
    reduced = _mm512_mask_max_epi32(reduced, outputs,
                                    _mm512_add_epi32(reduced, _mm512_set1_epi32(1)), latest);
    if (a.slack != 0) {
      _mm512_storeu_si512(ring, reduced);
      if (++slot == a.slack) slot = 0;
    }
  }
  for (int c = 0; c < kColumns; ++c) {
    for (int r = 0; r < kRows; ++r) {
      _mm512_storeu_si512(a.finish + (row0 + r) * a.lanes + 16 * c, finish[c][r]);
    }
  }
  _mm512_storeu_si512(a.reduced + row0, reduced);
  *a.latest = std::max(*a.latest, std::int64_t{_mm512_reduce_max_epi32(reduced)});
  const std::int64_t pairs = _mm512_reduce_add_epi32(issued);
  *a.issued += pairs;
  *a.busy += kScan ? _mm512_reduce_add_epi32(busy) : pairs;
}

/// Four rows of the case below: their slowest PEs, per 128 bits of the vector.
template <int kWords, int kFirst>
inline __m512i four_rows(__m512i (&finish)[kRows], const std::int32_t* gates,
                         const __m512i (&pixel)[kWords], const std::uint32_t* maps,
                         std::int64_t stride, __m512i& issued) {
  const auto row = [&](int r) __attribute__((always_inline)) {
    const std::uint32_t* map = maps + r * stride;
    __m512i pairs = _mm512_popcnt_epi32(_mm512_and_si512(pixel[0], _mm512_loadu_si512(map)));
    if constexpr (kWords == 2) {
      pairs = _mm512_add_epi32(
          pairs, _mm512_popcnt_epi32(_mm512_and_si512(pixel[1], _mm512_loadu_si512(map + kRows))));
    }
    issued = _mm512_add_epi32(issued, pairs);
    return _mm512_add_epi32(_mm512_max_epi32(finish[r], _mm512_set1_epi32(gates[r])), pairs);
  };
  const __m512i a = finish[kFirst] = row(kFirst), b = finish[kFirst + 1] = row(kFirst + 1);
  const __m512i ab = _mm512_max_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i c = finish[kFirst + 2] = row(kFirst + 2), d = finish[kFirst + 3] = row(kFirst + 3);
  const __m512i cd = _mm512_max_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  return _mm512_max_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/// The common case: 16 x 16 PEs whose rows compute 16 maps of one pixel, so that all have the same
/// neurons; nothing but pairs takes time.
template <int kWords>
void run_one_pixel(const KernelArgs& a) {
  const Segment g = a.segment;
  std::int32_t* const ring = a.ring;
  __m512i finish[kRows];
  for_rows([&](int r) { finish[r] = _mm512_loadu_si512(a.finish + r * kRows); });
  __m512i reduced = _mm512_loadu_si512(a.reduced), issued = _mm512_setzero_si512();
  const __m512i alive = _mm512_loadu_si512(g.alive), segment_gate = _mm512_set1_epi32(a.gate);
  const std::int64_t slack = a.slack;
  std::int64_t slot = slack == 0 ? 0 : a.first_step % slack;
  for (std::int64_t step = 0; step < g.steps; ++step) {
    __m512i gate = segment_gate;
    if (slack != 0) gate = _mm512_max_epi32(gate, _mm512_loadu_si512(ring + slot * kRows));
    alignas(64) std::int32_t gates[kRows];
    _mm512_store_si512(gates, gate);
    // Read back as broadcasts from memory: permutations would take the registers of `finish`.
    __asm__("" : "+m"(gates));
    __m512i pixel[kWords];
    const std::uint32_t* neurons = g.neurons + g.neurons_at[step * kRows];
    for (int w = 0; w < kWords; ++w) pixel[w] = _mm512_loadu_si512(neurons + w * kRows);
    const auto four = [&]<int kFirst>() __attribute__((always_inline)) {
      return four_rows<kWords, kFirst>(finish, gates, pixel, g.synapses, g.stride, issued);
    };
    const __m512i f0 = four.template operator()<0>(), f1 = four.template operator()<4>();
    const __m512i low =
        _mm512_max_epi32(_mm512_shuffle_i32x4(f0, f1, 0x44), _mm512_shuffle_i32x4(f0, f1, 0xee));
    const __m512i f2 = four.template operator()<8>(), f3 = four.template operator()<12>();
    const __m512i high =
        _mm512_max_epi32(_mm512_shuffle_i32x4(f2, f3, 0x44), _mm512_shuffle_i32x4(f2, f3, 0xee));
    const __m512i latest = _mm512_max_epi32(_mm512_shuffle_i32x4(low, high, 0x88),
                                            _mm512_shuffle_i32x4(low, high, 0xdd));
    const __mmask16 outputs =
        _mm512_test_epi32_mask(alive, _mm512_loadu_si512(g.present + step * kRows));
    reduced = _mm512_mask_max_epi32(reduced, outputs,
                                    _mm512_add_epi32(reduced, _mm512_set1_epi32(1)), latest);
    if (slack == 0) continue;
    _mm512_storeu_si512(ring + slot * kRows, reduced);
    if (++slot == slack) slot = 0;
  }
  for_rows([&](int r) { _mm512_storeu_si512(a.finish + r * kRows, finish[r]); });
  _mm512_storeu_si512(a.reduced, reduced);
  *a.latest = std::max(*a.latest, std::int64_t{_mm512_reduce_max_epi32(reduced)});
  const std::int64_t pairs = _mm512_reduce_add_epi32(issued);
  *a.issued += pairs;
  *a.busy += pairs;
}

template <int kColumns, int kWords>
void run_all(const KernelArgs& a) {
  const bool scan = a.slices != 4 || a.segment.minimum != nullptr;
  if constexpr (kColumns == 1 && (kWords == 1 || kWords == 2)) {
    if (!scan && a.segment.one_pixel) return run_one_pixel<kWords>(a);
  }
  for (std::int64_t row = 0; row < a.lanes; row += kRows) {
    scan ? run_rows<kColumns, kWords, true>(a, row) : run_rows<kColumns, kWords, false>(a, row);
  }
}

template <int kColumns>
void run_words(const KernelArgs& a) {
  switch (a.segment.words) {
    case 1:
      return run_all<kColumns, 1>(a);
    case 2:
      return run_all<kColumns, 2>(a);
    default:
      return run_all<kColumns, 0>(a);
  }
}

/// For windows of one or two words of 16 lanes, whose inputs have one.
template <int kWords>
void window_in_vectors(const WindowArgs& a) {
  __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
  for (std::size_t tap = 0; tap < a.places.size(); ++tap) {
    if (a.places[tap] < 0) continue;
    const __m512i input = _mm512_loadu_si512(a.inputs + a.places[tap] * 16);
    const auto slot = static_cast<unsigned>(a.slots[tap]);
    if (kWords == 1 || slot < 32) {
      low = _mm512_or_si512(low, _mm512_slli_epi32(input, slot));
      if (kWords == 2) high = _mm512_or_si512(high, _mm512_srli_epi32(input, 32 - slot));
    } else {
      high = _mm512_or_si512(high, _mm512_slli_epi32(input, slot - 32));
    }
  }
  _mm512_storeu_si512(a.to, low);
  if (kWords == 2) _mm512_storeu_si512(a.to + 16, high);
}

void spread_in_vectors(const std::uint16_t* groups, std::int64_t count, std::int64_t slot,
                       std::uint32_t* to) {
  while (count > 0) {
    std::uint32_t* word = to + slot / 32 * 16;
    const std::int64_t here = std::min(count, 32 - slot % 32);
    __m512i lanes = _mm512_loadu_si512(word);
    __m512i bit = _mm512_set1_epi32(static_cast<int>(1U << (slot % 32)));
    for (std::int64_t i = 0; i < here; ++i) {
      lanes = _mm512_mask_or_epi32(lanes, groups[i], lanes, bit);
      bit = _mm512_add_epi32(bit, bit);
    }
    _mm512_storeu_si512(word, lanes);
    groups += here;
    slot += here;
    count -= here;
  }
}

}  // namespace

bool vector_kernel(const KernelArgs& args) {
  switch (args.lanes) {
    case 16:
      run_words<1>(args);
      return true;
    case 32:
      run_words<2>(args);
      return true;
    case 64:
      run_words<4>(args);
      return true;
    default:
      return false;
  }
}
SYNCOPATE_TARGET_END

bool has_vector_kernel() {
  static const bool has =
      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vpopcntdq") != 0 &&
      __builtin_cpu_supports("avx512bitalg") != 0;
  return has;
}

#else

namespace {
void spread_in_vectors(const std::uint16_t*, std::int64_t, std::int64_t, std::uint32_t*) {}
template <int kWords>
void window_in_vectors(const WindowArgs&) {}
}  // namespace

bool vector_kernel(const KernelArgs&) { return false; }
bool has_vector_kernel() { return false; }

#endif

namespace {

/// to |= from << shift, in arrays of [word][lane]; bits beyond the words of `to` are zero.
void or_shifted(const std::uint32_t* from, std::int64_t from_words, std::int64_t shift,
                const WindowArgs& a) {
  const int up = static_cast<int>(shift % 32);
  for (std::int64_t w = 0; w < from_words; ++w) {
    const std::int64_t target = w + shift / 32;
    for (std::int64_t l = 0; l < a.lanes; ++l) {
      const std::uint32_t bits = from[w * a.lanes + l];
      if (target < a.words) a.to[target * a.lanes + l] |= bits << up;
      if (up != 0 && target + 1 < a.words) a.to[(target + 1) * a.lanes + l] |= bits >> (32 - up);
    }
  }
}

}  // namespace

void or_window(const WindowArgs& a) {
  if (a.lanes == 16 && a.input_words == 1 && a.words <= 2 && vector_code()) {
    return a.words == 1 ? window_in_vectors<1>(a) : window_in_vectors<2>(a);
  }
  for (std::size_t tap = 0; tap < a.places.size(); ++tap) {
    if (a.places[tap] < 0) continue;
    or_shifted(a.inputs + a.places[tap] * a.input_words * a.lanes, (a.bits + 31) / 32, a.slots[tap],
               a);
  }
}

void spread_bits(const std::uint16_t* groups, std::int64_t count, std::int64_t slot,
                 std::uint32_t* to) {
  if (vector_code()) return spread_in_vectors(groups, count, slot, to);
  for (std::int64_t i = 0; i < count; ++i, ++slot) {
    for (int l = 0; l < 16; ++l) {
      to[slot / 32 * 16 + l] |= (std::uint32_t{groups[i]} >> l & 1U) << (slot % 32);
    }
  }
}

}  // namespace syncopate::accel::flexflow
