#include <gtest/gtest.h>

#include <map>

#include "accel/eyeriss/config.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::eyeriss {

extern const sim::Accelerator accelerator;

namespace {

using array::Act;
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

sim::Stats run(const TestLayer& layer, const Settings& settings = {}) {
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, layer.data())->count({});
}

std::int64_t times(const sim::Stats& stats, std::size_t action) { return stats.actions[action]; }
std::int64_t times(const sim::Stats& stats, Act act) {
  return times(stats, static_cast<std::size_t>(act));
}

/// M @ S x S, kernel K, N inputs of each of the groups.
struct Shape {
  std::int64_t m, s, k, n, stride, groups;
  double active;  ///< PEs at work, on average.
};

LayerSpec square(const Shape& l) {
  LayerSpec s;
  s.groups = l.groups;
  s.outs = l.m / l.groups;
  s.ins = l.n;
  const std::int64_t width = (l.s - 1) * l.stride + l.k;
  s.in = {1, width, width};
  s.kernel = {1, l.k, l.k};
  s.stride = {1, l.stride, l.stride};
  s.shape_only = true;
  return s;
}

/// Cycles when rows are folded and replicated as one sees fit, without ends of tiles.
double ideal(const Shape& l, std::int64_t rows, std::int64_t columns) {
  const std::int64_t strips = ceil_div(l.s, columns);
  const std::int64_t copies = (rows / l.k) * (columns / std::min(l.s, columns));
  return static_cast<double>(strips * l.m * l.n * l.s * l.k) / static_cast<double>(copies);
}

// The mappings of AlexNet and VGG-16: published active PEs are 154 (with 55 rows cut into 7s, the
// last one shorter: 151 on average), 135, 156, 156 and 156, and 168 throughout.
TEST(Eyeriss, FoldsAndReplicatesRowsAsPublished) {
  const Shape layers[] = {
      {96, 55, 11, 3, 4, 1, 151.25}, {256, 27, 5, 48, 1, 2, 135},  {384, 13, 3, 256, 1, 1, 156},
      {384, 13, 3, 192, 1, 2, 156},  {256, 13, 3, 192, 1, 2, 156}, {64, 112, 3, 64, 1, 1, 168},
      {256, 56, 3, 128, 1, 1, 168},  {512, 28, 3, 256, 1, 1, 168}, {512, 14, 3, 512, 1, 1, 168}};
  Random random(1);
  for (const Shape& l : layers) {
    const TestLayer layer(square(l), random);
    const sim::Stats stats = run(layer);
    const double cycles = static_cast<double>(stats.cycles);
    EXPECT_NEAR(cycles, ideal(l, 12, 14), 0.01 * ideal(l, 12, 14)) << l.m << " @ " << l.s;
    const double active = static_cast<double>(stats.pairs_required) / cycles;
    EXPECT_NEAR(active, l.active, 0.01 * l.active) << l.m << " @ " << l.s;
  }
}

TEST(Eyeriss, ScaledHas1024) {
  const arch::Spec spec = make_spec({{"preset", "scaled"}});
  EXPECT_EQ(spec.multipliers(), 1024);
  EXPECT_EQ(spec.buffer_bytes("NBin"), 51200 * 1024 / 168);
  Random random(2);
  const Shape l = {512, 28, 3, 256, 1, 1, 0};
  EXPECT_NEAR(static_cast<double>(run(TestLayer(square(l), random), {{"preset", "scaled"}}).cycles),
              ideal(l, 32, 32), 0.01 * ideal(l, 32, 32));
}

TEST(Eyeriss, TallKernelsAreFolded) {
  Random random(3);
  const TestLayer layer(square({16, 14, 25, 2, 1, 1, 0}), random);
  const sim::Stats stats = run(layer, {{"NBin", "1048576"}});
  // 12, 12 and 1 rows, one after another.
  EXPECT_EQ(stats.cycles, 16 * 2 * 3 * 14 * 25);
  EXPECT_EQ(times(stats, kPass), 16 * 2 * 14 * 14 * (25 - 3));
}

TEST(Eyeriss, GatingSavesEnergyNotTime) {
  Random random(4);
  LayerSpec s = square({32, 13, 3, 24, 1, 1, 0});
  s.shape_only = false;
  s.neuron_density = 0.4;
  const TestLayer layer(s, random);
  const sim::Stats gated = run(layer), plain = run(layer, {{"gating", "false"}});
  EXPECT_EQ(gated.cycles, plain.cycles);
  EXPECT_EQ(gated.causes, plain.causes);
  EXPECT_EQ(times(plain, Act::multiply), plain.pairs_required);
  // Dense weights: what has a neuron is effectual.
  EXPECT_EQ(times(gated, Act::multiply), gated.pairs_effectual);
  EXPECT_EQ(times(gated, kFilterRead), gated.pairs_effectual);
}

TEST(Eyeriss, DramHoldsRunLengthCodes) {
  Random random(5);
  LayerSpec s = square({16, 10, 1, 16, 1, 1, 0});
  s.shape_only = false;
  const TestLayer full(s, random);
  EXPECT_EQ(run(full).neuron_read_bytes, ceil_div(16 * 100, 3) * 8);
  s.neuron_density = 0;
  const TestLayer none(s, random);
  // Of 100 zeros in a map the 32nd, 64th and 96th are stored.
  EXPECT_EQ(run(none).neuron_read_bytes, 16 * 3 / 3 * 8);
  EXPECT_EQ(run(none).synapse_read_bytes, 16 * 16 * 2);  // Weights are not coded.
}

TEST(Eyeriss, SumsPassTheBufferOncePerPass) {
  Random random(6);
  // A PE holds 4 channels of 3 columns, 4 sets lie one above the other: 16 channels a pass.
  const TestLayer layer(square({16, 14, 3, 64, 1, 1, 0}), random);
  const sim::Stats stats = run(layer, {{"SB", "1048576"}, {"NBin", "1048576"}});
  const std::int64_t row_reads = 16 * 14 * ceil_div(14, 4);
  EXPECT_EQ(times(stats, Act::sum_write), 4 * row_reads);
  EXPECT_EQ(times(stats, Act::sum_read), 4 * row_reads);  // The last is the DMA's.
}

}  // namespace
}  // namespace syncopate::accel::eyeriss
