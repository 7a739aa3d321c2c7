#include <gtest/gtest.h>

#include <numeric>

#include "accel/diannao/config.h"
#include "array/testing.h"
#include "base/error.h"
#include "sim/accelerator.h"

namespace syncopate::accel::diannao {

extern const sim::Accelerator accelerator;

namespace {

using array::testing::LayerSpec;
using array::testing::TestLayer;

/// Totals of a layer without pipeline fill.
sim::Stats run(const LayerSpec& layer_spec) {
  Random random(7);
  const TestLayer layer(layer_spec, random);
  Params params;
  params.set("fill_cycles", "0");
  const arch::Spec spec = accelerator.spec(params);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, layer.data())->count({});
}

LayerSpec square(std::int64_t outs, std::int64_t ins, std::int64_t size, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, size + kernel - 1, size + kernel - 1};
  s.kernel = {1, kernel, kernel};
  s.weight_density = s.neuron_density = 0.02;
  return s;
}

TEST(DianNao, PeaksOnAPerfectlyTiledLayer) {
  LayerSpec s = square(32, 64, 6, 3);
  s.weight_density = s.neuron_density = 1;
  const sim::Stats total = run(s);
  EXPECT_EQ(total.pairs_issued, total.cycles * 256);
  EXPECT_EQ(total[sim::Cause::work], total.cycles * 256);
}

// The layers of the "Tiling" column of FlexFlow's comparison, M @ S x S, kernel K, N inputs, with
// the totals derived from S^2 K^2 ceil(M/16) ceil(N/16).
TEST(DianNao, FollowsTheTilingFormula) {
  struct Layer {
    std::int64_t m, s, k, n;
  };
  const std::pair<std::vector<Layer>, std::int64_t> networks[] = {
      {{{8, 45, 6, 1}, {12, 20, 3, 8}, {16, 8, 3, 12}, {10, 6, 3, 16}, {6, 4, 3, 10}}, 77544},
      {{{4, 28, 5, 1}, {16, 10, 4, 4}}, 21200},
      {{{6, 28, 5, 1}, {16, 10, 5, 6}}, 22100},
      {{{6, 24, 5, 1}, {12, 8, 4, 6}}, 15424},
      {{{48, 55, 11, 3}, {128, 27, 5, 48}, {192, 13, 3, 256}, {192, 13, 3, 192}, {128, 13, 3, 192}},
       2192547},
      {{{64, 224, 3, 3},
        {128, 112, 3, 64},
        {256, 56, 3, 128},
        {256, 56, 3, 256},
        {512, 28, 3, 256},
        {512, 28, 3, 512},
        {512, 14, 3, 512},
        {512, 14, 3, 512}},
       30707712}};
  for (const auto& [layers, expected] : networks) {
    std::int64_t cycles = 0;
    for (const Layer& l : layers) {
      LayerSpec shape = square(l.m, l.n, l.s, l.k);
      shape.shape_only = true;
      cycles += run(shape).cycles;
    }
    EXPECT_EQ(cycles, expected);
  }
}

TEST(DianNao, TilingFormulaHoldsPerGroup) {
  LayerSpec s = square(20, 24, 5, 3);
  s.groups = 3;
  EXPECT_EQ(run(s).cycles, 3 * 5 * 5 * 3 * 3 * 2 * 2);
}

TEST(DianNao, ZerosCostAsMuchAsWork) {
  LayerSpec s = square(17, 40, 4, 3);
  const sim::Stats sparse = run(s);
  s.weight_density = s.neuron_density = 1;
  const sim::Stats dense = run(s);
  EXPECT_EQ(sparse.cycles, dense.cycles);
  EXPECT_LT(sparse.pairs_effectual, dense.pairs_effectual);
  EXPECT_EQ(sparse[sim::Cause::index], 0);
  EXPECT_EQ(sparse[sim::Cause::imbalance], 0);
}

TEST(DianNao, FillIsChargedOncePerLayer) {
  Random random(3);
  const TestLayer layer(square(48, 80, 9, 3), random);
  const auto cycles = [&](const std::string& fill) {
    Params params;
    params.set("fill_cycles", fill);
    const arch::Spec spec = accelerator.spec(params);
    const sim::Program program = accelerator.compile(layer.chain(), spec);
    const auto machine = accelerator.machine(spec);
    return machine->open(program, 0, layer.data())->count({}).cycles;
  };
  EXPECT_EQ(cycles("11"), cycles("0") + 11);
}

TEST(DianNao, SuggestsTheNearestParameter) {
  Params params;
  params.set("NBinn", "1024");
  try {
    spec(params);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'NBin'"), std::string::npos);
  }
}

}  // namespace
}  // namespace syncopate::accel::diannao
