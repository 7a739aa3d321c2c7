#pragma once

#include <cstdint>

// Vectors of eight, in GCC's and clang's terms: instructions where there are, loops elsewhere.

namespace syncopate::codec {

inline constexpr int kLanes = 8;
using Floats = float __attribute__((vector_size(32)));
using Words = std::int32_t __attribute__((vector_size(32)));
using Pairs = std::int64_t __attribute__((vector_size(32)));

/// Lanes 0 to 3 plus lanes 4 to 7. (By way of memory: as a shuffle, compilers cross the halves of a
/// register, which is slow.)
template <class Lanes, class Half>
[[gnu::always_inline]] inline void fold(const Lanes& v, Half& sum) {
  static_assert(sizeof(Lanes) == 2 * sizeof(Half));
  Half low, high;
  __builtin_memcpy(&low, &v, sizeof(low));
  __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof(low), sizeof(high));
  sum = low + high;
}

/// The sum of all lanes, always in the same order.
[[gnu::always_inline]] inline float sum_of(const Floats& v) {
  float __attribute__((vector_size(16))) four;
  fold(v, four);
  return (four[0] + four[2]) + (four[1] + four[3]);
}
/// The sum of all lanes.
[[gnu::always_inline]] inline std::int32_t total_of(const Words& v) {
  std::int32_t __attribute__((vector_size(16))) four;
  fold(v, four);
  std::int64_t __attribute__((vector_size(16))) two;
  const auto pairs = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
  __builtin_memcpy(&two, &pairs, sizeof(two));
  return static_cast<std::int32_t>(two[0]) + static_cast<std::int32_t>(two[0] >> 32);
}

}  // namespace syncopate::codec
