#include "array/bitmap_format.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "array/actions.h"
#include "array/testing.h"

namespace syncopate::array {
namespace {

using testing::LayerSpec;
using testing::TestLayer;

TEST(BitmapFormat, RoundTripOfAnySegment) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    LayerSpec s;
    s.groups = random.integer(1, 2);
    s.outs = random.integer(1, 40);
    s.ins = random.integer(1, 150);
    s.in = s.kernel = {1, random.integer(1, 2), random.integer(1, 3)};
    s.weight_density = random.uniform();
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const BitmapFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops), 16);
    Segment segment{random.integer(0, loops.groups - 1)};
    segment.out0 = random.integer(0, loops.outs - 1);
    segment.out1 = random.integer(segment.out0 + 1, loops.outs);
    segment.in0 = random.integer(0, loops.ins - 1);
    segment.in1 = random.integer(segment.in0 + 1, loops.ins);
    if (random.chance(0.5)) {  // Whole blocks, whose sizes are known.
      segment.out0 -= segment.out0 % 16;
      segment.in0 -= segment.in0 % 16;
      segment.out1 = std::min(loops.outs, ceil_div(segment.out1, 16) * 16);
      segment.in1 = std::min(loops.ins, ceil_div(segment.in1, 16) * 16);
    }
    const SegmentBytes size = format.bytes(segment);
    std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
    std::vector<std::byte> index(static_cast<std::size_t>(size.index));
    format.encode(segment, synapses, index);
    const std::int64_t ins = segment.in1 - segment.in0, kernel = loops.kernel_size();
    const std::vector<std::int16_t> decoded =
        decode_bitmap(synapses, index, segment.out1 - segment.out0, ins * kernel);
    std::size_t at = 0;
    std::int64_t stored = 0;
    for (std::int64_t out = segment.out0; out < segment.out1; ++out) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        for (std::int64_t in = segment.in0; in < segment.in1; ++in, ++at) {
          const std::int64_t row = (segment.group * loops.outs + out) * kernel + k;
          const std::int16_t expected =
              layer.data().weights()[static_cast<std::size_t>(row * loops.ins + in)];
          ASSERT_EQ(decoded[at], expected);
          stored += expected != 0;
        }
      }
    }
    EXPECT_EQ(size.synapses, 2 * stored);
  }
}

TEST(BitmapFormat, FootprintOfWholeBlocksIsExactInSynapses) {
  Random random(2);
  LayerSpec s;
  s.outs = 48;
  s.ins = 64;
  s.weight_density = 0.3;
  const TestLayer layer(s, random);
  const map::Loops& loops = layer.data().loops();
  const BitmapFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops), 16);
  const map::Footprint footprint = format.footprint();
  EXPECT_EQ(footprint.synapse_bytes(0, 16, 48, 16, 64), format.bytes({0, 16, 48, 16, 64}).synapses);
  EXPECT_EQ(footprint.index_bytes(0, 16, 48, 16, 64), format.bytes({0, 16, 48, 16, 64}).index);
}

}  // namespace
}  // namespace syncopate::array
