#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>

#include "gconv/quantize_parts.h"

namespace syncopate::gconv::quantizing {
namespace {

/// Weights are a codebook when they have at most this many different values ...
constexpr std::size_t kCodebook = 256;
/// ... and several times as many elements.
constexpr std::int64_t kUsesPerEntry = 4;

/// Calls `use(first, last)` for pieces of [0, count) in parallel.
template <class Use>
void for_pieces(std::int64_t count, const Use& use) {
  constexpr std::int64_t kPiece = 1 << 16;
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count, kPiece),
                    [&](const auto& range) { use(range.begin(), range.end()); });
}

/// Largest magnitude, by comparing bits: for floats without sign their order is that of integers.
/// Infinity and NaN come out on top.
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

/// Rounds half to even for magnitudes below 2^22, without a call that keeps loops from being
/// vectorized.
inline float rounded(float value) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
  return (value + kMagic) - kMagic;
}

template <class T>
double quantize_piece(const float* from, T* to, std::int64_t count, float inverse, float limit) {
  std::int64_t sum = 0;
  constexpr std::int64_t kRun = 1 << 15;  // sums of a run fit 32 bits
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = std::min(count, begin + kRun);
    std::int32_t part = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const float scaled = from[i] * inverse;
      const float held = scaled > limit ? limit : scaled < -limit ? -limit : scaled;
      const auto value = static_cast<std::int32_t>(rounded(held));
      part += value < 0 ? -value : value;
      to[i] = static_cast<T>(value);
    }
    sum += part;
  }
  return static_cast<double>(sum);
}

/// Largest magnitude of every block; InputError when one is not finite.
std::vector<double> block_maxima(const std::string& name, std::span<const float> values,
                                 std::int64_t blocks) {
  const auto size = static_cast<std::int64_t>(values.size()) / blocks;
  std::vector<std::atomic<std::int32_t>> largest(static_cast<std::size_t>(blocks));
  for_pieces(static_cast<std::int64_t>(values.size()), [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t block = begin / size;
      const std::int64_t stop = std::min(end, (block + 1) * size);
      const std::int32_t bits = largest_bits(values.data() + begin, stop - begin);
      std::atomic<std::int32_t>& target = largest[static_cast<std::size_t>(block)];
      std::int32_t seen = target.load();
      while (bits > seen && !target.compare_exchange_weak(seen, bits)) {
      }
      begin = stop;
    }
  });
  std::vector<double> result;
  for (const auto& bits : largest) {
    const double value = static_cast<double>(std::bit_cast<float>(bits.load()));
    if (!std::isfinite(value)) {
      fail("constant '{}' holds NaN or an infinite value; expected finite weights", name);
    }
    result.push_back(value);
  }
  return result;
}

/// Steps for the blocks. Blocks far below the others keep a common floor, so that a bias counted
/// in steps stays a moderate number.
std::vector<double> steps_of(const std::vector<double>& maxima, double limit, bool together) {
  const double most = *std::max_element(maxima.begin(), maxima.end());
  const double floor = most == 0 ? 1 : std::max(most / 1048576, 1e-30);
  if (together) {
    return {std::max(most, floor) / limit};
  }
  std::vector<double> steps;
  for (const double value : maxima) {
    steps.push_back((value == 0 ? std::max(most, floor) : std::max(value, floor)) / limit);
  }
  return steps;
}

template <class T>
void quantize_blocks(std::span<const float> from, Weights& weights,
                     const std::vector<double>& steps, std::int64_t blocks, double limit) {
  const std::span<T> to = weights.values.mutable_data<T>();
  const auto size = static_cast<std::int64_t>(from.size()) / blocks;
  std::vector<std::atomic<double>> sums(static_cast<std::size_t>(blocks));
  for_pieces(static_cast<std::int64_t>(from.size()), [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t block = begin / size;
      const std::int64_t stop = std::min(end, (block + 1) * size);
      const double step = steps[steps.size() == 1 ? 0 : static_cast<std::size_t>(block)];
      sums[static_cast<std::size_t>(block)] +=
          quantize_piece(from.data() + begin, to.data() + begin, stop - begin,
                         static_cast<float>(1 / step), static_cast<float>(limit));
      begin = stop;
    }
  });
  weights.sums.assign(sums.begin(), sums.end());
}

}  // namespace

Weights quantize_weights(const std::string& name, const TensorInfo& info, int bits,
                         std::int64_t channels) {
  const std::span<const float> from = info.constant->data<float>();
  const bool prescribed =
      info.scale != 0 || static_cast<std::int64_t>(info.channel_scale.size()) == channels;
  const std::int64_t blocks = channels;
  const auto limit = static_cast<double>(largest_weight(bits));
  const std::vector<double> maxima = block_maxima(name, from, blocks);
  std::vector<double> steps;
  if (info.scale != 0) {
    steps = {info.scale};
  } else if (prescribed) {
    steps = info.channel_scale;
  } else {
    steps = steps_of(maxima, limit, blocks == 1 || is_codebook(from));
  }
  Weights result;
  result.values = Tensor::uninitialized(bits == 8 ? DType::i8 : DType::i16, info.constant->shape());
  if (bits == 8) {
    quantize_blocks<std::int8_t>(from, result, steps, blocks, limit);
  } else {
    quantize_blocks<std::int16_t>(from, result, steps, blocks, limit);
  }
  if (steps.size() == 1) {
    result.scale = steps[0];
  } else {
    result.channel_scale = std::move(steps);
  }
  return result;
}

}  // namespace syncopate::gconv::quantizing
