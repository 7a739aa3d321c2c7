#include <gtest/gtest.h>

#include <map>

#include "accel/systolic/config.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::systolic {

extern const sim::Accelerator accelerator;

namespace {

using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;

sim::Stats run(const LayerSpec& layer_spec, const Params& params = {}) {
  Random random(1);
  LayerSpec shape = layer_spec;
  shape.shape_only = true;
  const TestLayer layer(shape, random);
  const arch::Spec spec = accelerator.spec(params);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  return accelerator.machine(spec)->open(program, 0, layer.data())->count({});
}

LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side, side};
  s.kernel = {1, kernel, kernel};
  s.pad = s.pad_after = {0, kernel / 2, kernel / 2};
  return s;
}

constexpr std::int64_t kFill = 62;  ///< Once a layer.

TEST(Systolic, CyclesAreThoseOfTheFormula) {
  for (const auto& [outs, ins, side, kernel] :
       {std::array<std::int64_t, 4>{64, 64, 28, 3}, {40, 3, 28, 3}, {100, 48, 14, 1}}) {
    const std::int64_t passes = ceil_div(outs, 32) * ceil_div(ins * kernel * kernel, 32);
    EXPECT_EQ(run(plane(outs, ins, side, kernel)).cycles, passes * side * side + kFill);
  }
}

TEST(Systolic, FullyConnectedLayersWaitForWeights) {
  const LayerSpec layer = plane(128, 1024, 1, 1);
  EXPECT_EQ(run(layer).cycles, 4 * 32 * 32 + kFill);
  Params params;
  params.set("weight_loading", "false");
  EXPECT_EQ(run(layer, params).cycles, 4 * 32 + kFill);
}

// 2 operations x 1024 PEs x 200 MHz, and a layer that fits reaches it.
TEST(Systolic, Peak) {
  const arch::Spec spec = accelerator.spec({});
  EXPECT_EQ(2 * spec.multipliers() * spec.clock_mhz, 409600);  // MOP/s
  const LayerSpec layer = plane(64, 64, 32, 3);
  const sim::Stats stats = run(layer);
  EXPECT_EQ((stats.cycles - kFill) * 1024, stats.pairs_required);
}

}  // namespace
}  // namespace syncopate::accel::systolic
