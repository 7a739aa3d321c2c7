#pragma once

#include <array>
#include <cstdint>

namespace syncopate::accel::sparten {

/// Pixels that are joined at a time, one per 64-bit lane of a wide register.
inline constexpr std::int64_t kPixels = 8;

/// The filters of a group as the CUs hold them: masks [chunk][CU][filter of the CU][word].
struct GroupMasks {
  const std::uint64_t* words = nullptr;
  std::int64_t chunks = 0;
  std::int64_t units = 0;        ///< CUs that have a filter.
  std::int64_t per_unit = 1;     ///< Filters of a CU, 1 or 2; absent ones are zero.
  std::int64_t chunk_words = 2;  ///< Words of a chunk.
};

/// Per pixel, sums over the chunks of a step.
struct Joined {
  std::array<std::int64_t, kPixels> cycles{};   ///< With `least` cycles per chunk.
  std::array<std::int64_t, kPixels> slowest{};  ///< Pairs of the CU that has the most.
  std::array<std::int64_t, kPixels> pairs{};    ///< Of all CUs.
};

/// Joins the windows of kPixels pixels, given as masks [chunk][word][pixel], with a group's
/// filters.
Joined join(const std::uint64_t* windows, const GroupMasks& group, std::int64_t least);

}  // namespace syncopate::accel::sparten
