#include <gtest/gtest.h>

#include <map>

#include "accel/systolic_dc/config.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::systolic_dc {

extern const sim::Accelerator accelerator;

namespace {

using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;
using Settings = std::map<std::string, std::string>;

/// Totals of a layer, without pipeline fill.
sim::Stats run(const LayerSpec& layer_spec, Settings settings = {}) {
  Random random(7);
  const TestLayer layer(layer_spec, random);
  settings.try_emplace("fill_cycles", "0");
  Params params;
  for (const auto& [key, value] : settings) params.set(key, value);
  const arch::Spec spec = accelerator.spec(params);
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

std::int64_t formula(const Shape& l, std::int64_t arrays, std::int64_t side) {
  const std::int64_t blocks = ceil_div(l.k, side);
  return l.n * l.s * l.s * ceil_div(l.m, arrays) * blocks * blocks;
}

const std::vector<Shape> kPv = {
    {8, 45, 6, 1}, {12, 20, 3, 8}, {16, 8, 3, 12}, {10, 6, 3, 16}, {6, 4, 3, 10}};
const std::vector<Shape> kFr = {{4, 28, 5, 1}, {16, 10, 4, 4}};
const std::vector<Shape> kLeNet = {{6, 28, 5, 1}, {16, 10, 5, 6}};
const std::vector<Shape> kHg = {{6, 24, 5, 1}, {12, 8, 4, 6}};
const std::vector<Shape> kAlexNet = {
    {48, 55, 11, 3, 4}, {128, 27, 5, 48}, {192, 13, 3, 256}, {192, 13, 3, 192}, {128, 13, 3, 192}};
const std::vector<Shape> kVgg = {{64, 224, 3, 3},   {128, 112, 3, 64}, {256, 56, 3, 128},
                                 {256, 56, 3, 256}, {512, 28, 3, 256}, {512, 28, 3, 512},
                                 {512, 14, 3, 512}, {512, 14, 3, 512}};

// The "Systolic" column of FlexFlow's comparison: totals of N S^2 ceil(M/n) ceil(K/A)^2.
TEST(SystolicDc, FollowsTheFormulaOnTheSixNetworks) {
  struct Network {
    const std::vector<Shape>& layers;
    std::int64_t expected, arrays = 7, side = 6;
  };
  const Network networks[] = {
      {kPv, 14066},     {kFr, 1984}, {kLeNet, 2584}, {kHg, 1344}, {kAlexNet, 11802312, 2, 11},
      {kVgg, 120723456}};
  for (const Network& net : networks) {
    std::int64_t cycles = 0;
    for (const Shape& l : net.layers) {
      const std::int64_t layer = run(square(l), {{"arrays", std::to_string(net.arrays)},
                                                 {"side", std::to_string(net.side)}})
                                     .cycles;
      EXPECT_EQ(layer, formula(l, net.arrays, net.side));
      cycles += layer;
    }
    EXPECT_EQ(cycles, net.expected);
  }
}

TEST(SystolicDc, LargeKernelsTakeOneBlockAfterAnother) {
  const Shape l = {9, 10, 7, 2};
  EXPECT_EQ(run(square(l)).cycles, formula(l, 7, 6));
  EXPECT_EQ(formula(l, 7, 6), 2 * 100 * 2 * 4);
}

// One tile: every pass waits for K-1 rows of the input and K-1 neurons of the next.
TEST(SystolicDc, FillingTheFifosTakesTimeForEveryInputMap) {
  const Shape l = {14, 10, 3, 3};
  const sim::Stats none = run(square(l)), fifo = run(square(l), {{"fill", "fifo"}});
  const std::int64_t per_pass = 2 * 12 + 2;
  EXPECT_EQ(fifo.cycles - none.cycles, 3 * 2 * per_pass);
  EXPECT_EQ(fifo[sim::Cause::fill], 3 * 2 * per_pass * 252);
  EXPECT_EQ(none[sim::Cause::fill], 0);
}

// The published bars of this machine's performance (FlexFlow, Fig. 16) are lower than its
// utilization times its peak. With the FIFOs' fill charged they come out within a fifth.
TEST(SystolicDc, FillExplainsThePublishedPerformance) {
  struct Bar {
    const std::vector<Shape>& layers;
    double gops;
  };
  for (const Bar& bar : {Bar{kPv, 122}, {kFr, 118}, {kLeNet, 172}, {kHg, 160}}) {
    double operations = 0, plain = 0, filled = 0;
    for (const Shape& l : bar.layers) {
      operations += 2.0 * static_cast<double>(l.m * l.n * l.s * l.s * l.k * l.k);
      plain += static_cast<double>(run(square(l)).cycles);
      filled += static_cast<double>(run(square(l), {{"fill", "fifo"}}).cycles);
    }
    EXPECT_NEAR(operations / filled, bar.gops, 0.2 * bar.gops);
    EXPECT_GT(operations / plain, 1.25 * bar.gops);
  }
}

TEST(SystolicDc, GroupsAndBatchesMultiply) {
  LayerSpec s = square({9, 12, 3, 5});
  s.groups = 3;
  s.batch = 2;
  EXPECT_EQ(run(s).cycles, 2 * 3 * formula({9, 12, 3, 5}, 7, 6));
}

TEST(SystolicDc, PartialSumsOfEveryInputMapPassThroughTheBuffer) {
  const sim::Stats stats = run(square({7, 10, 3, 4}));
  const auto at = [&](array::Act act) { return stats.actions[static_cast<std::size_t>(act)]; };
  EXPECT_EQ(at(array::Act::sum_write), 100 * 4);
  EXPECT_EQ(at(array::Act::sum_read), 100 * 4);  // Three times to add, once to drain.
  EXPECT_EQ(at(array::Act::neuron_read), 4 * 12 * 12);
}

TEST(SystolicDc, ZerosCostAsMuchAsWork) {
  LayerSpec s = square({5, 12, 3, 4});
  const sim::Stats zeros = run(s);
  s.shape_only = false;
  const sim::Stats dense = run(s);
  EXPECT_EQ(zeros.cycles, dense.cycles);
  EXPECT_EQ(zeros[sim::Cause::bubble], dense[sim::Cause::work]);
  EXPECT_EQ(dense[sim::Cause::bubble], 0);
}

}  // namespace
}  // namespace syncopate::accel::systolic_dc
