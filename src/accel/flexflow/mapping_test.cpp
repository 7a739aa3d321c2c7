#include "accel/flexflow/mapping.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "accel/flexflow/control.h"
#include "base/random.h"

namespace syncopate::accel::flexflow {
namespace {

map::Loops conv(std::int64_t outs, std::int64_t ins, std::int64_t size, std::int64_t kernel) {
  map::Loops l;
  l.outs = outs;
  l.ins = ins;
  l.out = {1, size, size};
  l.in = {1, size + kernel - 1, size + kernel - 1};
  l.kernel = {1, kernel, kernel};
  l.weights = true;
  return l;
}

/// <Tm, Tn, Tr, Tc, Ti, Tj> on an array.
Mapping mapping(const map::Loops& loops, const std::array<std::int64_t, 6>& t, std::int64_t array) {
  const Factors factors{{t[0], t[2], t[3]}, {t[1], t[4], t[5]}};
  return {loops, setup_for(loops, factors, false, array, 128), array};
}

// Fig. 8 of the paper: C1 on 4 x 4 PEs with <2,1,1,2,1,4>: rows 0 and 1 compute neighbors of one
// output map, rows 2 and 3 of the next; a neuron's column is its coordinate modulo 4.
TEST(Mapping, FollowsFigure8) {
  const Mapping c1 = mapping(conv(2, 1, 8, 4), {2, 1, 1, 2, 1, 4}, 4);
  EXPECT_EQ(c1.row(0, 0, 0), 0);
  EXPECT_EQ(c1.row(0, 0, 1), 1);
  EXPECT_EQ(c1.row(1, 0, 0), 2);
  EXPECT_EQ(c1.row(1, 3, 5), 3);
  for (std::int64_t col = 0; col < 8; ++col) {
    for (std::int64_t j = 0; j < 4; ++j) {
      EXPECT_EQ(c1.place(0, 1, j, c1.phase(0, col)).column, (col + j) % 4);
    }
  }
  // C2 with <2,2,1,2,1,2>: input maps 0 and 1 in column pairs.
  const Mapping c2 = mapping(conv(2, 2, 8, 2), {2, 2, 1, 2, 1, 2}, 4);
  EXPECT_EQ(c2.place(0, 2, 0, 0).column, 0);
  EXPECT_EQ(c2.place(0, 2, 1, 0).column, 1);
  EXPECT_EQ(c2.place(1, 2, 0, 0).column, 2);
  EXPECT_EQ(c2.place(1, 2, 1, 0).column, 3);
}

// Fig. 10 (K = 4, Tj = 4, Tc = 2): PE(0,0) meets I(0,0) with K(0,0), then I(0,4) with K(0,2);
// PE(1,0) meets I(0,4) with K(0,3), then holds it and meets it with K(0,1).
TEST(Mapping, FollowsFigure10) {
  const Mapping m = mapping(conv(1, 1, 8, 4), {1, 1, 1, 2, 1, 4}, 4);
  Control first(m, 0, 0), second(m, 0, 0);
  EXPECT_EQ(first.move(0, 0), Event::start);
  EXPECT_EQ(first.neuron_col(), 0);
  EXPECT_EQ(first.kernel_col(), 0);
  EXPECT_EQ(first.move(0, 2), Event::slide);
  EXPECT_EQ(first.state(), State::increase);
  EXPECT_EQ(first.neuron_col(), 4);
  EXPECT_EQ(first.kernel_col(), 2);
  EXPECT_EQ(second.move(0, 1), Event::start);
  EXPECT_EQ(second.state(), State::initial);
  EXPECT_EQ(second.neuron_col(), 4);
  EXPECT_EQ(second.kernel_col(), 3);
  EXPECT_EQ(second.move(0, 3), Event::stay);
  EXPECT_EQ(second.state(), State::hold);
  EXPECT_EQ(second.neuron_col(), 4);
  EXPECT_EQ(second.kernel_col(), 1);
  EXPECT_EQ(second.move(1, 0), Event::jump);
  EXPECT_EQ(second.state(), State::jump);
  second.restart();
  EXPECT_EQ(second.move(1, 0), Event::start);
}

map::Loops random_loops(Random& random) {
  map::Loops l =
      conv(random.integer(1, 9), random.integer(1, 9), random.integer(1, 8), random.integer(1, 5));
  l.kernel[0] = random.integer(1, 2);
  l.kernel[1] = random.integer(1, 4);
  for (std::size_t d = 1; d < 3; ++d) {
    l.stride[d] = random.integer(1, 3);
    l.dilation[d] = random.integer(1, 3);
    l.pad[d] = random.integer(0, 4);
  }
  return l;
}

Factors random_factors(const map::Loops& l, std::int64_t array, Random& random) {
  for (;;) {
    const Factors f{
        {random.integer(1, l.outs), random.integer(1, l.out[1]), random.integer(1, l.out[2])},
        {random.integer(1, l.ins), random.integer(1, l.kernel[1]), random.integer(1, l.kernel[2])}};
    if (f.out.product() <= array && f.in.product() <= array) return f;
  }
}

// Every pair of a window has a column and a slot of its own; a neuron stays in its column while the
// window slides over it.
TEST(Mapping, PlacesEveryPairOnce) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const map::Loops l = random_loops(random);
    const bool packed = random.chance(0.2);
    Factors f = random_factors(l, 16, random);
    if (packed) f = packed_factors(l, f.out, 16);
    const Mapping m(l, setup_for(l, f, packed, 16, 128), 16);
    const std::int64_t ins = std::min(l.ins, m.pass_ins());
    std::map<std::array<std::int64_t, 4>, std::int64_t> home;  // Neuron to column.
    for (std::int64_t y = 0; y < l.out[1]; ++y) {
      for (std::int64_t x = 0; x < l.out[2]; ++x) {
        std::set<std::pair<std::int64_t, std::int64_t>> taken;
        for (std::int64_t n = 0; n < ins; ++n) {
          for (std::int64_t tap = 0; tap < l.kernel_size(); ++tap) {
            const Mapping::Place at = m.place(n, ins, tap, m.phase(y, x));
            EXPECT_TRUE(taken.insert({at.column, at.slot}).second);
            EXPECT_LT(at.column, packed ? 16 : m.columns(ins));
            EXPECT_LT(at.slot, m.slots(ins));
            if (packed) continue;
            const std::int64_t i0 = tap / l.kernel[2] % l.kernel[1], j = tap % l.kernel[2];
            const std::array<std::int64_t, 4> neuron = {
                n, tap / l.kernel[2] / l.kernel[1], y * l.stride[1] + i0 * l.dilation[1] - l.pad[1],
                x * l.stride[2] + j * l.dilation[2] - l.pad[2]};
            const auto [found, is_new] = home.try_emplace(neuron, at.column);
            EXPECT_EQ(found->second, at.column);
          }
        }
      }
    }
  }
}

// The four-state control finds the same neurons and synapses from its own coordinates.
TEST(Mapping, ControlAgreesWithThePlaces) {
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    const map::Loops l = random_loops(random);
    const Factors f = random_factors(l, 16, random);
    const Mapping m(l, setup_for(l, f, false, 16, 128), 16);
    for (std::int64_t u = 0; u < f.in.rows; ++u) {
      for (std::int64_t v = 0; v < f.in.cols; ++v) {
        Control control(m, u, v);
        for (std::int64_t y = 0; y < l.out[1]; ++y) {
          for (std::int64_t x = 0; x < l.out[2]; ++x) {
            control.move(y, x);
            if (control.kernel_row() >= l.kernel[1] || control.kernel_col() >= l.kernel[2])
              continue;
            const std::int64_t tap = control.kernel_row() * l.kernel[2] + control.kernel_col();
            EXPECT_EQ(m.place(0, 1, tap, m.phase(y, x)).column, u * f.in.cols + v);
          }
        }
      }
    }
  }
}

TEST(Mapping, PassesAndSegmentsFitTheLocalStores) {
  // 3 x 3 kernels of 16 inputs at a time: 7 groups fill 63 of the 64 words of half a store.
  const map::Loops l = conv(64, 512, 28, 3);
  const Mapping m = mapping(l, {16, 16, 1, 1, 1, 1}, 16);
  EXPECT_EQ(m.setup().pass_groups, 7);  // 32 groups in 5 passes.
  EXPECT_EQ(m.slots(m.pass_ins()), 63);
  EXPECT_EQ(m.fresh_words(m.pass_ins()), 21);  // A column of three rows per step.
  EXPECT_EQ(m.setup().segment_steps, 3);
  const map::Loops fc = conv(10, 400, 1, 1);
  EXPECT_EQ(mapping(fc, {10, 16, 1, 1, 1, 1}, 16).setup().pass_groups, 25);
  const map::Loops large = conv(8, 3, 55, 11);  // 121 words exceed half a store.
  EXPECT_EQ(mapping(large, {8, 1, 1, 2, 3, 5}, 16).setup().pass_groups, 1);
}

TEST(Mapping, BalancingKeepsBlocksAndEvensColumns) {
  const map::Loops l = conv(1, 8, 1, 1);
  Tensor constant = Tensor::from<std::int16_t>({8}, {1, 1, 1, 1, 0, 0, 0, 0});
  map::KernelStrides strides;
  strides.in = 1;
  const sim::Weights weights(constant, strides, l);
  map::Tiling tiling;
  tiling.ins = 8;
  const ChannelOrder order = balanced_order(weights, tiling, 2);
  std::int64_t loads[2] = {0, 0};
  for (std::size_t n = 0; n < 4; ++n) ++loads[order[n] % 2];
  EXPECT_EQ(loads[0], 2);
  EXPECT_EQ(std::set<std::int32_t>(order.begin(), order.end()).size(), 8U);
  tiling.ins = 4;
  const ChannelOrder blocks = balanced_order(weights, tiling, 2);
  for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(blocks[n] / 4, static_cast<std::int32_t>(n / 4));
}

TEST(Mapping, DepthwiseWorkUsesRowsAndColumns) {
  map::Loops l;
  l.kind = map::WorkKind::window;
  l.weights = true;
  l.outs = 32;
  l.out = l.in = {1, 112, 112};
  l.kernel = {1, 3, 3};
  const array::ArrayShape shape = depthwise_shape(l, 16);
  EXPECT_EQ(shape.taps, (std::array<std::int64_t, 3>{1, 3, 3}));
  EXPECT_EQ(shape.step.pixels[1] * shape.step.pixels[2], 16);
}

}  // namespace
}  // namespace syncopate::accel::flexflow
