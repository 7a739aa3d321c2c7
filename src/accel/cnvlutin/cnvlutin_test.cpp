#include <gtest/gtest.h>

#include <array>
#include <map>

#include "accel/cnvlutin/engine.h"
#include "array/actions.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cnvlutin {

extern const sim::Accelerator accelerator;

namespace {

using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;
using Settings = std::map<std::string, std::string>;

/// Totals of a layer, without pipeline fill.
sim::Stats run(const TestLayer& layer, Settings settings = {}) {
  settings.try_emplace("fill_cycles", "0");
  Params params;
  for (const auto& [key, value] : settings) params.set(key, value);
  const arch::Spec spec = accelerator.spec(params);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, layer.data())->count({});
}

/// Cycles of a layer of one group and image without padding, from the model: the slowest lane of
/// every window, a brick of at least one cycle, once per 16 filters.
std::int64_t formula(const TestLayer& layer) {
  const map::Loops& l = layer.data().loops();
  const auto x = layer.data().input();
  std::int64_t total = 0;
  for (std::int64_t p = 0; p < l.out[1] * l.out[2]; ++p) {
    std::array<std::int64_t, 16> lanes{};
    std::size_t brick = 0;
    for (std::int64_t k = 0; k < l.kernel[1] * l.kernel[2]; ++k) {
      const std::int64_t row = p / l.out[2] + k / l.kernel[2];
      const std::int64_t column = p % l.out[2] + k % l.kernel[2];
      for (std::int64_t c = 0; c < l.ins; c += 16) {
        std::int64_t nonzero = 0;
        for (std::int64_t i = c; i < std::min(l.ins, c + 16); ++i) {
          nonzero += x[static_cast<std::size_t>((row * l.in[2] + column) * l.ins + i)] != 0;
        }
        lanes[brick++ % 16] += std::max<std::int64_t>(1, nonzero);
      }
    }
    total += *std::max_element(lanes.begin(), lanes.end());
  }
  return total * ceil_div(l.outs, 16);
}

LayerSpec random_layer(Random& random) {
  LayerSpec s;
  s.outs = random.integer(1, 50);
  s.ins = random.integer(1, 100);
  s.in = {1, random.integer(3, 9), random.integer(3, 9)};
  s.kernel = {1, random.integer(1, 3), random.integer(1, 3)};
  s.neuron_density = random.uniform();
  s.zero_channels = random.chance(0.5) ? random.uniform() : 0;
  return s;
}

TEST(Cnvlutin, FollowsTheFormula) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    const TestLayer layer(random_layer(random), random);
    EXPECT_EQ(run(layer, {{"narrow_inputs", "bricks"}}).cycles, formula(layer));
    if (layer.spec().ins < 16) continue;
    EXPECT_EQ(run(layer).cycles, formula(layer));
  }
}

// Like the dense unit it is compared with.
TEST(Cnvlutin, NarrowInputsTakeAKernelPositionACycle) {
  Random random(6);
  LayerSpec s;
  s.outs = 20;
  s.ins = 3;
  s.in = {1, 9, 9};
  s.kernel = {1, 4, 4};
  s.neuron_density = 0.4;
  const TestLayer layer(s, random);
  const sim::Stats stats = run(layer);
  EXPECT_EQ(stats.cycles, 6 * 6 * 16 * 2);
  EXPECT_EQ(stats.pairs_issued, stats.pairs_required);
}

TEST(Cnvlutin, DenseNeuronsCostWhatADenseUnitCosts) {
  Random random(2);
  LayerSpec s;
  s.outs = 40;
  s.ins = 64;
  s.in = {1, 6, 7};
  s.kernel = {1, 2, 2};
  s.weight_density = 0.3;
  const TestLayer layer(s, random);
  // 16 bricks a window: every lane has one, as many cycles as a dense unit takes for 16 x 16.
  EXPECT_EQ(run(layer).cycles, 5 * 6 * 4 * 4 * 3);
}

TEST(Cnvlutin, ZeroWeightsAreMultiplied) {
  Random random(3);
  LayerSpec s;
  s.outs = 16;
  s.ins = 256;
  s.neuron_density = 0.5;
  s.weight_density = 0;
  const sim::Stats stats = run(TestLayer(s, random));
  EXPECT_GT(stats[sim::Cause::bubble], 0);
  EXPECT_EQ(stats[sim::Cause::bubble], stats.pairs_issued);
}

TEST(Cnvlutin, EmptyBricksTakeACycleAndNoMultiplication) {
  Random random(4);
  LayerSpec s;
  s.outs = 16;
  s.ins = 512;
  s.neuron_density = 0;
  const sim::Stats stats = run(TestLayer(s, random));
  EXPECT_EQ(stats.cycles, 2);
  EXPECT_EQ(stats[sim::Cause::index], 2 * 256);
  EXPECT_EQ(stats.pairs_issued, 0);
}

TEST(Cnvlutin, CountsBricksOfAnyWidth) {
  // Three positions of 20 channels: bricks of 16 and 4; the second position has nothing.
  std::vector<std::uint64_t> row(4, 0);
  const auto set = [&](std::size_t bit) { row[bit / 64] |= 1ULL << bit % 64; };
  for (std::size_t bit = 0; bit < 16; ++bit) set(bit);
  for (const std::size_t bit : {17U, 41U, 42U, 59U}) set(bit);
  const WindowCost cost = cost_of_windows(row.data(), 1, 4, 3, 20);
  EXPECT_EQ(cost.cycles, 16);
  EXPECT_EQ(cost.nonzero, 16 + 1 + 2 + 1);
  EXPECT_EQ(cost.empty, 2);
}

TEST(Cnvlutin, ManyBricksPerLaneDoNotOverflow) {
  const std::int64_t words = 100000;
  const std::vector<std::uint64_t> row(static_cast<std::size_t>(words), ~0ULL);
  const WindowCost cost = cost_of_windows(row.data(), 1, words, 1, words * 64);
  EXPECT_EQ(cost.cycles, words * 4);
  EXPECT_EQ(cost.nonzero, words * 64);
}

// Every brick keeps its place: 20 bits a neuron, whatever is zero.
TEST(Cnvlutin, NeuronsTravelWithTheirOffsets) {
  Random random(5);
  LayerSpec s;
  s.outs = 32;
  s.ins = 64;
  s.in = {1, 4, 4};
  s.neuron_density = 0.1;
  const sim::Stats stats = run(TestLayer(s, random));
  EXPECT_EQ(stats.neuron_read_bytes, 64 * 16 * 20 / 8);
  EXPECT_EQ(stats.write_bytes, 32 * 16 * 20 / 8);
  const auto at = [&](array::Act act) { return stats.actions[static_cast<std::size_t>(act)]; };
  EXPECT_EQ(at(array::Act::index_write), 64 * 16);
  EXPECT_EQ(at(array::Act::encode), 32 * 16);
}

}  // namespace
}  // namespace syncopate::accel::cnvlutin
