#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace syncopate::data {

/// The procedural data set: 32x32 color pictures of ten figures and textures, at random places,
/// sizes, angles, colors and slopes of light, under noise. Nothing but IEEE arithmetic goes into a
/// sample, so that every machine draws the same bytes.
inline constexpr std::int64_t kShapeSide = 32;

/// disc, ring, square, frame, triangle, cross, stripes, checkers, dots, star.
std::vector<std::string> shape_names();

/// Picture `seed` of class `label` (0 to 9), planes first: fills 3 x 32 x 32 samples.
void draw_shape(std::uint64_t seed, std::int64_t label, std::span<std::uint8_t> samples);

/// 20,000 pictures to train on or 2,000 others to test on; the first `limit` of them, 0 for all.
/// Classes take turns, so any beginning is balanced.
DataSet shapes(Split split, std::int64_t limit);

}  // namespace syncopate::data
