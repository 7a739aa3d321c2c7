#include <gtest/gtest.h>

#include <map>

#include "accel/zena/config.h"
#include "accel/zena/schedule.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::zena {

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

sim::Stats run(const TestLayer& layer, const Settings& settings = {}) {
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, layer.data())->count({});
}

/// A 1 x 1 convolution.
LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side, side};
  return s;
}

TEST(Zena, DenseOperandsReduceToTheDenseCount) {
  Random random(1);
  // Sixteen spatial tiles for sixteen groups of PEs, and as many kernels for each PE.
  const TestLayer even(plane(64, 32, 16), random);
  EXPECT_EQ(run(even).cycles, even.data().loops().pairs() / 256);
  // Without stealing a PE has its kernels and its spatial tile, whatever the others have.
  for (int i = 0; i < 20; ++i) {
    const TestLayer layer(plane(random.integer(16, 64), random.integer(1, 32), 5), random);
    const std::int64_t kernels = ceil_div(layer.spec().outs, 16), pixels = ceil_div(25, 16);
    EXPECT_EQ(run(layer, {{"steal", "none"}}).cycles, kernels * pixels * layer.spec().ins);
  }
}

TEST(Zena, PublishedSizeIsAPreset) {
  const arch::Spec spec = make_spec({{"groups", "12"}, {"pes_per_group", "14"}});
  EXPECT_EQ(spec.multipliers(), 168);
}

TEST(Zena, NeverBeatsItsPairsAndStealingNeverHurts) {
  Random random(2);
  for (int i = 0; i < 150; ++i) {
    LayerSpec s = array::testing::random_spec(random);
    s.kind = array::testing::LayerKind::conv;
    const TestLayer layer(s, random);
    const sim::Stats none = run(layer, {{"steal", "none"}});
    for (const char* steal : {"local", "all"}) {
      const sim::Stats stats = run(layer, {{"steal", steal}});
      EXPECT_GE(stats.cycles * 256, stats.pairs_effectual);
      EXPECT_EQ(stats.pairs_issued, stats.pairs_effectual);
      EXPECT_LE(stats.cycles, none.cycles) << steal;
    }
  }
}

TEST(Zena, OnlyStealingFromAllEvensOutSpatialTiles) {
  Random random(3);
  LayerSpec s = plane(64, 64, 16);
  s.in = {1, 16, 16};
  s.pad_after = {0, 16, 0};  // The lower half of the outputs reads padding only.
  s.kernel = {1, 1, 1};
  const TestLayer layer(s, random);
  const std::int64_t local = run(layer, {{"steal", "local"}}).cycles;
  const std::int64_t all = run(layer, {{"steal", "all"}}).cycles;
  EXPECT_LT(all, local * 6 / 10);
}

TEST(Zena, OverheadsAreIndexCycles) {
  Random random(4);
  const TestLayer layer(plane(64, 32, 16), random);
  const sim::Stats stats = run(layer, {{"kernel_overhead", "3"}});
  EXPECT_EQ(stats.cycles, layer.data().loops().pairs() / 256 + 3 * 4);  // Four kernels for a PE.
  EXPECT_EQ(stats[sim::Cause::index], 3 * 64 * 16);
}

TEST(Allocation, LongestFirst) {
  const std::vector<std::int32_t> nonzero = {3, 7, 4, 6, 5};
  const Allocation a = allocate(nonzero, 2);
  EXPECT_EQ(a.kernels, (std::vector<std::int32_t>{1, 2, 0, 3, 4}));  // 7+4+3 and 6+5.
  EXPECT_EQ(a.begin, (std::vector<std::int32_t>{0, 3, 5}));
  EXPECT_EQ(a.nonzero, (std::vector<std::int64_t>{14, 11}));
}

TEST(Allocation, EveryKernelGoesToTheLeastLoaded) {
  Random random(5);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::int32_t> nonzero(static_cast<std::size_t>(random.integer(1, 200)));
    for (std::int32_t& n : nonzero) n = static_cast<std::int32_t>(random.integer(0, 40));
    const std::int64_t pes = random.integer(1, 40);
    const Allocation a = allocate(nonzero, pes);
    ASSERT_EQ(std::ssize(a.begin), pes + 1);
    std::vector<bool> seen(nonzero.size());
    std::int64_t highest = 0, lowest = INT64_MAX;
    for (std::size_t pe = 0; pe + 1 < a.begin.size(); ++pe) {
      std::int64_t load = 0;
      std::int32_t before = INT32_MAX;
      for (std::int32_t at = a.begin[pe]; at < a.begin[pe + 1]; ++at) {
        const auto kernel = static_cast<std::size_t>(a.kernels[static_cast<std::size_t>(at)]);
        EXPECT_FALSE(seen[kernel]);
        seen[kernel] = true;
        EXPECT_LE(nonzero[kernel], before);
        before = nonzero[kernel];
        load += before;
      }
      EXPECT_EQ(load, a.nonzero[pe]);
      highest = std::max(highest, load);
      lowest = std::min(lowest, load);
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
    // The last kernel of the fullest PE went to the one that was lowest then.
    EXPECT_LE(highest - lowest, *std::max_element(nonzero.begin(), nonzero.end()));
  }
}

TEST(Split, MoreSpatialTilesForFewerKernels) {
  const Config config(make_spec({}));
  EXPECT_EQ(split(config, 1000, 64).parts, 16);
  EXPECT_EQ(split(config, 1000, 4).parts, 64);
  EXPECT_EQ(split(config, 10, 64).parts, 10);
  EXPECT_EQ(split(config, 1, 4096).pe_begin(1), 256);
}

}  // namespace
}  // namespace syncopate::accel::zena
