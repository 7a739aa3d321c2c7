#include "array/masks.h"

#include <gtest/gtest.h>

#include "array/testing.h"

namespace syncopate::array {
namespace {

using testing::LayerSpec;
using testing::TestLayer;

/// Columns hold the words of rows, and zeros behind the last pixel.
void expect_columns(const PixelMasks& masks) {
  for (std::int64_t w = 0; w < masks.words(); ++w) {
    for (std::int64_t p = 0; p < masks.column_length(); ++p) {
      const std::uint64_t expected = p < masks.pixels() ? masks.row(p)[w] : 0;
      ASSERT_EQ(masks.columns()[w * masks.column_length() + p], expected)
          << "word " << w << " of pixel " << p;
    }
  }
}

TEST(PixelMasks, ColumnsAreRowsTurned) {
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    LayerSpec spec;
    spec.ins = random.chance(0.5) ? 16 * random.integer(1, 12) : random.integer(1, 150);
    spec.outs = 3;
    spec.groups = random.chance(0.3) ? 2 : 1;
    const std::int64_t side = random.integer(1, 3);
    spec.in = {1, random.integer(side, 9), random.integer(side, 12)};
    spec.kernel = {1, side, random.integer(1, side)};
    spec.stride = {1, random.integer(1, 2), random.integer(1, 2)};
    spec.pad = {0, random.integer(0, 1), random.integer(0, 1)};
    spec.neuron_density = 0.5;
    const TestLayer layer(spec, random);
    const map::Loops& loops = layer.data().loops();
    if (loops.kind != map::WorkKind::conv) continue;
    map::Tiling tiling;
    tiling.ins = 16 * random.integer(1, 8);
    tiling.block = {1, random.integer(1, 5), random.integer(1, 9)};
    PixelMasks masks;
    for (const map::TileBox& box : map::walk(loops, tiling)) {
      masks.load(layer.data(), box, position_words(loops, tiling));
      expect_columns(masks);
    }
  }
}

}  // namespace
}  // namespace syncopate::array
