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

}  // namespace syncopate::array
