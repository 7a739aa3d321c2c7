#include "ref/float_range.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/simd.h"
#include "ref/float_parallel.h"

namespace syncopate::ref {
namespace {

/// Without their sign, floats order like their bits, with infinity above all numbers and NaN above
/// infinity: so one integer maximum finds all three cases.
SYNCOPATE_MULTIVERSION
std::int32_t largest_bits(const float* values, std::int64_t begin, std::int64_t end) {
  std::int32_t largest = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    std::int32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

}  // namespace

SYNCOPATE_MULTIVERSION
float scale_and_sum(const float* values, std::int64_t count, float scale, float* scaled) {
  constexpr std::int64_t kLanes = 32;  // Independent sums vectorize as they are.
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const float value = scale * values[i + l];
      sums[l] += std::abs(value);
      if (scaled) scaled[i + l] = value;
    }
  }
  float sum = 0;
  for (; i < count; ++i) {
    const float value = scale * values[i];
    sum += std::abs(value);
    if (scaled) scaled[i] = value;
  }
  for (float lane : sums) sum += lane;
  return sum;
}

float largest_magnitude(const float* values, std::int64_t count) {
  constexpr std::int64_t kParts = 64;
  std::array<std::int32_t, kParts> largest{};
  const std::int64_t part = (count + kParts - 1) / kParts;
  parallel_each(kParts, part / 8, [&](std::int64_t i) {
    largest[static_cast<std::size_t>(i)] =
        largest_bits(values, std::min(count, i * part), std::min(count, (i + 1) * part));
  });
  return std::bit_cast<float>(*std::max_element(largest.begin(), largest.end()));
}

float largest_magnitude(const View& view) {
  if (view.dtype == DType::f32) return largest_magnitude(view.as<float>(), view.size());
  double largest = 0;
  visit_type(view.dtype, [&](auto sample) {
    const auto* values = view.as<decltype(sample)>();
    for (std::int64_t i = 0; i < view.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
    }
  });
  return static_cast<float>(largest);
}

}  // namespace syncopate::ref
