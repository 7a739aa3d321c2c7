#include <gtest/gtest.h>

#include <map>

#include "accel/shidiannao/config.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::shidiannao {

extern const sim::Accelerator accelerator;

namespace {

using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;
using Settings = std::map<std::string, std::string>;

arch::Spec make_spec(Settings settings) {
  settings.try_emplace("fill_cycles", "0");
  Params params;
  for (const auto& [key, value] : settings) params.set(key, value);
  return accelerator.spec(params);
}

/// Totals of a layer without pipeline fill.
sim::Stats run(const LayerSpec& layer_spec, const Settings& settings = {}) {
  Random random(7);
  const TestLayer layer(layer_spec, random);
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, layer.data())->count({});
}

/// M @ S x S, kernel K, N inputs.
struct Shape {
  std::int64_t m, s, k, n, stride = 1;
};

LayerSpec square(const Shape& l) {
  LayerSpec s;
  s.outs = l.m;
  s.ins = l.n;
  const std::int64_t width = (l.s - 1) * l.stride + l.k;
  s.in = {1, width, width};
  s.kernel = {1, l.k, l.k};
  s.stride = {1, l.stride, l.stride};
  s.shape_only = true;
  return s;
}

std::int64_t formula(const Shape& l, std::int64_t side = 16) {
  const std::int64_t blocks = ceil_div(l.s, side);
  return l.m * l.n * l.k * l.k * blocks * blocks;
}

// The "2D-mapping" column of FlexFlow's comparison: totals of M N K^2 ceil(S/16)^2.
TEST(ShiDianNao, FollowsTheFormulaOnTheSixNetworks) {
  const std::pair<std::vector<Shape>, std::int64_t> networks[] = {
      {{{8, 45, 6, 1}, {12, 20, 3, 8}, {16, 8, 3, 12}, {10, 6, 3, 16}, {6, 4, 3, 10}}, 9756},
      {{{4, 28, 5, 1}, {16, 10, 4, 4}}, 1424},
      {{{6, 28, 5, 1}, {16, 10, 5, 6}}, 3000},
      {{{6, 24, 5, 1}, {12, 8, 4, 6}}, 1752},
      {{{48, 55, 11, 3, 4},
        {128, 27, 5, 48},
        {192, 13, 3, 256},
        {192, 13, 3, 192},
        {128, 13, 3, 192}},
       1888512},
      {{{64, 224, 3, 3},
        {128, 112, 3, 64},
        {256, 56, 3, 128},
        {256, 56, 3, 256},
        {512, 28, 3, 256},
        {512, 28, 3, 512},
        {512, 14, 3, 512},
        {512, 14, 3, 512}},
       36981504}};
  for (const auto& [layers, expected] : networks) {
    std::int64_t cycles = 0;
    for (const Shape& l : layers) {
      const std::int64_t layer = run(square(l)).cycles;
      EXPECT_EQ(layer, formula(l));
      cycles += layer;
    }
    EXPECT_EQ(cycles, expected);
  }
}

TEST(ShiDianNao, FollowsTheFormulaOnOtherArrays) {
  for (const std::int64_t side : {8, 32, 64}) {
    const Settings settings = {{"rows", std::to_string(side)}, {"columns", std::to_string(side)}};
    const Shape l = {20, 45, 3, 5};
    EXPECT_EQ(run(square(l), settings).cycles, formula(l, side));
  }
}

TEST(ShiDianNao, GroupsAndBatchesMultiply) {
  LayerSpec s = square({6, 20, 3, 5});
  s.groups = 3;
  s.batch = 2;
  EXPECT_EQ(run(s).cycles, 2 * 3 * formula({6, 20, 3, 5}));
}

TEST(ShiDianNao, SmallBuffersCostCyclesOnlyWhenABlockDoesNotFit) {
  const Shape l = {8, 40, 3, 12};
  // Half of NBin holds a block of 18 x 18 neurons of one map.
  EXPECT_EQ(run(square(l), {{"NBin", std::to_string(18 * 18 * 4)}}).cycles, formula(l));
  EXPECT_GT(run(square(l), {{"NBin", std::to_string(18 * 18 * 2)}}).cycles, formula(l));
}

TEST(ShiDianNao, FullyConnectedLayersUseAPePerOutput) {
  LayerSpec s;
  s.outs = 300;
  s.ins = 70;
  EXPECT_EQ(run(s).cycles, 2 * 70);
  EXPECT_EQ(run(s, {{"classifier", "pixels"}}).cycles, 300 * 70);
}

// Where a neighbor has had a neuron before, it comes from there.
TEST(ShiDianNao, NeighborsPassNeuronsOn) {
  struct Case {
    std::int64_t kernel, stride, dilation;
    std::int64_t read;  ///< From the buffer, per dimension, for 16 PEs.
  };
  // Without dilation the neurons under the PEs' windows, each once; stride 3 shares none.
  for (const Case& c : {Case{5, 1, 1, 20}, {5, 2, 1, 35}, {3, 3, 1, 48}, {3, 2, 2, 18}}) {
    LayerSpec s = square({2, 16, c.kernel, 3, c.stride});
    s.in[1] = s.in[2] = 15 * c.stride + (c.kernel - 1) * c.dilation + 1;
    s.dilation = {1, c.dilation, c.dilation};
    const sim::Stats stats = run(s);
    EXPECT_EQ(stats.pairs_issued - stats.actions[kPassAct], 2 * 3 * c.read * c.read);
  }
  // Stride 1 and dilation 2: the neuron a PE needs was never at its neighbor.
  LayerSpec s = square({1, 16, 3, 1});
  s.in = {1, 20, 20};
  s.dilation = {1, 2, 2};
  EXPECT_EQ(run(s).actions[kPassAct], 0);
}

TEST(ShiDianNao, ZerosCostAsMuchAsWork) {
  LayerSpec s = square({5, 12, 3, 4});
  const sim::Stats zeros = run(s);
  s.shape_only = false;
  const sim::Stats dense = run(s);
  EXPECT_EQ(zeros.cycles, dense.cycles);
  EXPECT_EQ(zeros[sim::Cause::bubble], dense[sim::Cause::work]);
  EXPECT_EQ(dense[sim::Cause::bubble], 0);
}

}  // namespace
}  // namespace syncopate::accel::shidiannao
