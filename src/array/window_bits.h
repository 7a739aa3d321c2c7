#pragma once

#include <cstdint>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"

namespace syncopate::array {

/// Writes the non-zero masks of the windows of a box's pixels, as Patches::bits does for one pixel:
/// `rows` gets a row of `words` words per pixel, and one word more.
void window_bits(const sim::LayerData& data, const map::TileBox& box, std::int64_t words,
                 std::vector<std::uint64_t>& rows);

/// The same by column (PixelMasks::columns), without rows in between: possible where the channels
/// of a kernel position come in whole words or sixteens. False, and nothing done, where not.
bool window_columns(const sim::LayerData& data, const map::TileBox& box, std::int64_t words,
                    std::int64_t length, std::vector<std::uint64_t>& columns);

}  // namespace syncopate::array
