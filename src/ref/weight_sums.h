#pragma once

#include <cstdint>

namespace syncopate::ref {

inline constexpr std::int64_t kMostLanes = 32;  ///< Of any tile kernel.

/// Sums over the packed weights of every lane, by which the packer sees where 32 bits overflow. A
/// sum of 128 weights fits.
struct WeightSums {
  std::int32_t weight[kMostLanes] = {};  ///< |w|
  /// Split::bytes: |rest| and upper, where w = 256*upper + rest. With x = 256*h + l, l within 255,
  /// the products of upper bytes leave out 256*h*rest + l*w: at most 2^15*|rest| + 255*|w|.
  std::int32_t rest[kMostLanes] = {};
  std::int32_t upper[kMostLanes] = {};
};

/// Pairs of `lanes` lanes that follow each other.
void add_magnitudes(const std::int16_t* packed, std::int64_t pairs, std::int64_t lanes,
                    WeightSums& sums);

/// The same for Split::bytes; writes the upper bytes behind every two pairs. `pairs` is even.
void add_upper_bytes(std::int16_t* packed, std::int64_t pairs, std::int64_t lanes,
                     WeightSums& sums);

}  // namespace syncopate::ref
