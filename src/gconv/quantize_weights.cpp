#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>

#include "base/simd.h"
#include "gconv/quantize_parts.h"

namespace syncopate::gconv::quantizing {
namespace {

/// Weights are a codebook when they have at most this many different values ...
constexpr std::size_t kCodebook = 256;
/// ... and several times as many elements.
constexpr std::int64_t kUsesPerEntry = 4;

/// Elements that one task handles.
constexpr std::int64_t kPiece = 1 << 16;

/// Calls `use(first, last)` for pieces of [0, count) in parallel.
template <class Use>
void for_pieces(std::int64_t count, const Use& use) {
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count, kPiece),
                    [&](const auto& range) { use(range.begin(), range.end()); });
}

/// Largest magnitude, by comparing bits: for floats without sign their order is that of integers.
/// Infinity and NaN come out on top.
SYNCOPATE_MULTIVERSION
std::int32_t largest_bits(const float* values, std::int64_t count) {
  std::int32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t bits = std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

/// Whether the values, zeros apart, are few enough for a codebook. Leaves as soon as they are not.
bool is_codebook(std::span<const float> values) {
  constexpr std::size_t kSlots = 2048;
  std::array<std::uint32_t, kSlots> slots{};  // 0 marks a free slot: zero itself is not counted
  std::size_t distinct = 1;
  std::uint32_t last = 0;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits << 1) == 0 || bits == last) {
      continue;
    }
    last = bits;
    std::size_t slot = (bits * 2654435761U) >> 21;
    while (slots[slot] != 0 && slots[slot] != bits) {
      slot = (slot + 1) % kSlots;
    }
    if (slots[slot] == 0) {
      slots[slot] = bits;
      if (++distinct > kCodebook) {
        return false;
      }
    }
  }
  return static_cast<std::int64_t>(values.size()) >=
         kUsesPerEntry * static_cast<std::int64_t>(distinct);
}

/// Writes round_half_even(clamp(from * inverse, -limit, limit)) and returns the sum of magnitudes.
/// Rounding adds and takes away 1.5 * 2^23, exact for magnitudes below 2^22 and, unlike a call, no
/// hindrance to vectors.
template <class T>
[[gnu::always_inline]] inline std::int64_t quantize_run(const float* __restrict from,
                                                        T* __restrict to, std::int64_t count,
                                                        float inverse, float limit) {
  constexpr float kMagic = 12582912.0F;
  constexpr std::int64_t kRun = 1 << 15;  // sums of a run fit 32 bits
  std::int64_t sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = count < begin + kRun ? count : begin + kRun;
    std::int32_t part = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const float scaled = from[i] * inverse;
      const float below = scaled > limit ? limit : scaled;
      const float held = below < -limit ? -limit : below;
      const auto value = static_cast<std::int32_t>((held + kMagic) - kMagic);
      part += value < 0 ? -value : value;
      to[i] = static_cast<T>(value);
    }
    sum += part;
  }
  return sum;
}

SYNCOPATE_MULTIVERSION
std::int64_t quantize_piece(const float* from, std::int16_t* to, std::int64_t count, float inverse,
                            float limit) {
  return quantize_run(from, to, count, inverse, limit);
}

SYNCOPATE_MULTIVERSION
std::int64_t quantize_piece(const float* from, std::int8_t* to, std::int64_t count, float inverse,
                            float limit) {
  return quantize_run(from, to, count, inverse, limit);
}

/// The largest magnitude, from its bits; InputError unless it is finite.
double finite_magnitude(const std::string& name, std::int32_t bits) {
  const double value = static_cast<double>(std::bit_cast<float>(bits));
  if (!std::isfinite(value)) {
    fail("constant '{}' holds NaN or an infinite value; expected finite weights", name);
  }
  return value;
}

/// The step for values up to `magnitude`: never so small that its reciprocal overflows.
double step_for(double magnitude, double limit) {
  return magnitude == 0 ? 0 : std::max(magnitude, 1e-30) / limit;
}

double largest_magnitude(const std::string& name, std::span<const float> values) {
  std::atomic<std::int32_t> largest{0};
  for_pieces(static_cast<std::int64_t>(values.size()), [&](std::int64_t begin, std::int64_t end) {
    const std::int32_t bits = largest_bits(values.data() + begin, end - begin);
    std::int32_t seen = largest.load();
    while (bits > seen && !largest.compare_exchange_weak(seen, bits)) {
    }
  });
  return finite_magnitude(name, largest.load());
}

/// Quantizes equal blocks of values. Steps that are given (one, or one per block) are used; without
/// them every block gets its own, while it is still in the cache.
template <class T>
std::vector<double> quantize_blocks(const std::string& name, std::span<const float> from,
                                    std::vector<double> steps, std::int64_t blocks, double limit,
                                    Weights& weights) {
  const std::span<T> to = weights.values.mutable_data<T>();
  const auto size = static_cast<std::int64_t>(from.size()) / blocks;
  const bool own_steps = steps.empty();
  if (own_steps) {
    steps.resize(static_cast<std::size_t>(blocks));
  }
  weights.sums.resize(static_cast<std::size_t>(blocks));
  const std::int64_t grain = std::max<std::int64_t>(1, kPiece / size);
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, blocks, grain), [&](const auto& range) {
    for (std::int64_t block = range.begin(); block < range.end(); ++block) {
      const auto b = static_cast<std::size_t>(block);
      const float* values = from.data() + block * size;
      if (own_steps) {
        steps[b] = step_for(finite_magnitude(name, largest_bits(values, size)), limit);
      }
      const double step = steps[steps.size() == 1 ? 0 : b];
      const float inverse = step == 0 ? 0.0F : static_cast<float>(1 / step);
      weights.sums[b] = static_cast<double>(quantize_piece(values, to.data() + block * size, size,
                                                           inverse, static_cast<float>(limit)));
    }
  });
  // Blocks of zeros have no step of their own.
  const double usual = *std::max_element(steps.begin(), steps.end());
  for (double& step : steps) {
    step = step != 0 ? step : usual != 0 ? usual : 1;
  }
  return steps;
}

/// Whether all values fit `limit` steps that the model prescribes, one for all or one per block.
/// One step beyond is allowed for -128.
bool fit_steps(std::span<const float> values, const std::vector<double>& steps, double limit) {
  const std::size_t size = values.size() / steps.size();
  for (std::size_t b = 0; b < steps.size(); ++b) {
    const std::int32_t bits =
        largest_bits(values.data() + b * size, static_cast<std::int64_t>(size));
    if (!(static_cast<double>(std::bit_cast<float>(bits)) / steps[b] < limit + 1.5)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Weights quantize_weights(const std::string& name, const TensorInfo& info, int bits,
                         std::int64_t channels) {
  const std::span<const float> from = info.constant->data<float>();
  const auto limit = static_cast<double>(largest_weight(bits));
  std::vector<double> steps;  // empty: one per block, found on the way
  if (info.scale != 0) {
    steps = {info.scale};
  } else if (channels > 1 && static_cast<std::int64_t>(info.channel_scale.size()) == channels) {
    steps = info.channel_scale;
  }
  const bool own_steps = steps.empty() || !fit_steps(from, steps, limit);
  if (own_steps) {
    steps.clear();
  }
  if (own_steps && (channels == 1 || (bits == 16 && is_codebook(from)))) {
    steps = {step_for(largest_magnitude(name, from), limit)};
  }
  // Without channels the pieces of a large tensor are the blocks.
  const auto count = static_cast<std::int64_t>(from.size());
  const std::int64_t pieces = channels == 1 && count % kPiece == 0 ? count / kPiece : 1;
  const std::int64_t blocks = channels == 1 ? pieces : channels;
  Weights result;
  result.values = Tensor::uninitialized(bits == 8 ? DType::i8 : DType::i16, info.constant->shape());
  steps = bits == 8
              ? quantize_blocks<std::int8_t>(name, from, std::move(steps), blocks, limit, result)
              : quantize_blocks<std::int16_t>(name, from, std::move(steps), blocks, limit, result);
  if (steps.size() == 1) {
    result.scale = steps[0];
  } else {
    result.channel_scale = std::move(steps);
  }
  return result;
}

}  // namespace syncopate::gconv::quantizing
