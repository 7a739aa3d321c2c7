#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gconv/chain.h"

namespace syncopate::gconv {

/// `value / 2^shift`, rounded to nearest with ties to even. Shift is 0 to 62.
inline std::int64_t round_shift(std::int64_t value, int shift) {
  if (shift == 0) {
    return value;
  }
  const std::int64_t floor = value >> shift;
  const std::int64_t rest = value - (floor << shift);
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  return floor + static_cast<std::int64_t>(rest > half || (rest == half && (floor & 1) != 0));
}

/// The entry for `channel` of a vector that has one entry per channel or a single one for all.
template <class Vector>
inline auto channel_entry(const Vector& entries, std::int64_t channel) {
  return entries[entries.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

/// The result of a fixed-point post for one exact sum of output channel `channel`: the one
/// definition that the interpreter, the executor, the simulators and the tests share. The chain
/// verifier guarantees that nothing overflows.
inline std::int64_t apply(const FixedPost& post, std::int64_t channel, std::int64_t exact_sum) {
  const std::int64_t scaled =
      exact_sum * channel_entry(post.multiplier, channel) + channel_entry(post.bias, channel);
  const std::int64_t rounded = round_shift(scaled, channel_entry(post.shift, channel));
  const std::int64_t clamped = std::min(std::max(rounded, post.low), post.high);
  return post.table ? (*post.table)[static_cast<std::size_t>(clamped - post.low)] : clamped;
}

}  // namespace syncopate::gconv
