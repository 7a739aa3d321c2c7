#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"

namespace syncopate::sim {

/// The exact partial sums of a tile straight from the loop nest, [pixel][output] in the box's
/// order: the oracle for machines' sums. Positions in the padding contribute nothing; a window of
/// padding alone sums to 0, and its maximum is INT64_MIN.
std::vector<std::int64_t> plain_sums(const LayerData& data, const map::TileBox& box);

/// Calls visit(pixel) for each output pixel {t, h, w} of a box, in order.
template <class Visit>
void for_each_pixel(const map::TileBox& box, const Visit& visit) {
  std::array<std::int64_t, 3> pixel{};
  for (pixel[0] = box.begin[0]; pixel[0] < box.end[0]; ++pixel[0]) {
    for (pixel[1] = box.begin[1]; pixel[1] < box.end[1]; ++pixel[1]) {
      for (pixel[2] = box.begin[2]; pixel[2] < box.end[2]; ++pixel[2]) visit(pixel);
    }
  }
}

/// An operand before `main`, as the gconv's `pre` makes it.
inline std::int64_t apply_pre(gconv::Pre pre, std::int64_t x) {
  switch (pre) {
    case gconv::Pre::none:
      return x;
    case gconv::Pre::square:
      return x * x;
    case gconv::Pre::relu:
      return x > 0 ? x : 0;
    case gconv::Pre::negative_part:
      return x < 0 ? x : 0;
  }
  return x;
}

}  // namespace syncopate::sim
