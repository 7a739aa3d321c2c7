#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "accel/swallow/config.h"
#include "accel/swallow/match.h"
#include "array/testing.h"
#include "base/error.h"
#include "sim/accelerator.h"

namespace syncopate::accel::swallow {

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

LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side, std::int64_t kernel = 1) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side + kernel - 1, side + kernel - 1};
  s.kernel = {1, kernel, kernel};
  return s;
}

/// Pairs of a pixel and an output in input maps [in0, in1).
std::int64_t pairs(const TestLayer& layer, std::int64_t pixel, std::int64_t out, std::int64_t in0,
                   std::int64_t in1) {
  const map::Loops& l = layer.data().loops();
  const auto x = layer.data().input(), w = layer.data().weights();
  std::int64_t found = 0;
  for (std::int64_t k = 0; k < l.kernel_size(); ++k) {
    const std::int64_t row = pixel / l.out[2] + k / l.kernel[2];
    const std::int64_t column = pixel % l.out[2] + k % l.kernel[2];
    for (std::int64_t in = in0; in < in1; ++in) {
      found += x[static_cast<std::size_t>((row * l.in[2] + column) * l.ins + in)] != 0 &&
               w[static_cast<std::size_t>((out * l.kernel_size() + k) * l.ins + in)] != 0;
    }
  }
  return found;
}

// Groups of 32 pixels and 32 outputs wait for the slowest PE after every 32 input maps; in a layer
// of one pixel 32 blocks of input maps take the places of pixels.
TEST(Swallow, WaitsForTheSlowestOfABlock) {
  Random random(1);
  const Settings large = {{"SB", "16777216"}, {"NBin", "16777216"}, {"NBout", "16777216"}};
  for (int i = 0; i < 40; ++i) {
    const bool one = i % 4 == 0;
    LayerSpec s = one ? plane(random.integer(1, 80), random.integer(1, 2500), 1)
                      : plane(random.integer(1, 80), random.integer(1, 100), random.integer(2, 9),
                              random.integer(1, 3));
    s.weight_density = random.uniform();
    s.neuron_density = random.uniform();
    const TestLayer layer(s, random);
    const std::int64_t pixels = layer.data().loops().pixels(), blocks = ceil_div(s.ins, 32);
    std::int64_t cycles = 0;
    for (std::int64_t out = 0; out < s.outs; out += 32) {
      std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> waves;
      for (std::int64_t b = 0; b < blocks; ++b) {
        for (std::int64_t p = 0; p < pixels; ++p) {
          std::int64_t& wave = waves[one ? std::pair{b / 32, p} : std::pair{b, p / 32}];
          wave = std::max<std::int64_t>(wave, 1);
          for (std::int64_t o = out; o < std::min(s.outs, out + 32); ++o) {
            wave = std::max(wave, pairs(layer, p, o, b * 32, std::min(s.ins, b * 32 + 32)));
          }
        }
      }
      for (const auto& [at, slowest] : waves) cycles += slowest;
    }
    EXPECT_EQ(run(layer, large).cycles, cycles);
  }
}

TEST(Swallow, DenseOperandsTakeAMatrixProduct) {
  Random random(2);
  const TestLayer layer(plane(64, 96, 8, 3), random);
  const sim::Stats stats = run(layer);
  EXPECT_EQ(stats.cycles * 1024, stats.pairs_required);
  EXPECT_EQ(stats[sim::Cause::work], stats.pairs_required);
  EXPECT_EQ(make_spec({{"clock_mhz", "300"}}).multipliers() * 2 * 300, 614400);  // MOP/s published.
}

TEST(Swallow, UnlikeKernelsCostBalance) {
  Random random(3);
  LayerSpec s = plane(64, 64, 8, 3);
  s.weight_density = s.neuron_density = 0.4;
  const TestLayer layer(s, random);
  const sim::Stats stats = run(layer);
  EXPECT_GT(stats[sim::Cause::imbalance], stats[sim::Cause::work] / 5);
  // The fewer positions between barriers, the worse.
  EXPECT_GT(run(layer, {{"block_channels", "16"}}).cycles, stats.cycles);
  EXPECT_LT(run(layer, {{"block_channels", "64"}}).cycles, stats.cycles);
}

TEST(Swallow, NeuronsStayWhateverItCosts) {
  Random random(4);
  LayerSpec s = plane(128, 64, 56, 3);  // Large maps, few weights.
  s.shape_only = true;
  const TestLayer layer(s, random);
  const Settings small = {{"NBin", "32768"}, {"SB", "262144"}};
  Settings adaptive = small;
  adaptive["reuse"] = "adaptive";
  const arch::Spec spec = make_spec(small);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  EXPECT_EQ(program.layers[0].tiling.order, map::Order::neuron_reuse);
  EXPECT_GE(run(layer, small).dram_bytes(), run(layer, adaptive).dram_bytes());
}

TEST(Swallow, MatchCountsPairs) {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    const std::int64_t units = random.chance(0.5) ? 9 : random.integer(1, 12);
    const std::int64_t kernels = random.integer(1, 40);
    std::vector<std::uint32_t> windows(static_cast<std::size_t>(units * kPixels));
    std::vector<std::uint32_t> masks(static_cast<std::size_t>(units * kernels));
    for (std::uint32_t& w : windows) w = static_cast<std::uint32_t>(random.bits());
    for (std::uint32_t& m : masks) m = static_cast<std::uint32_t>(random.bits() & random.bits());
    std::int64_t all = 0;
    std::vector<std::int32_t> expected(kPixels), most(kPixels);
    for (std::int64_t n = 0; n < kernels; ++n) {
      for (std::int64_t p = 0; p < kPixels; ++p) {
        std::int32_t found = 0;
        for (std::int64_t u = 0; u < units; ++u) {
          found += std::popcount(windows[static_cast<std::size_t>(u * kPixels + p)] &
                                 masks[static_cast<std::size_t>(n * units + u)]);
        }
        all += found;
        expected[static_cast<std::size_t>(p)] =
            std::max(expected[static_cast<std::size_t>(p)], found);
      }
    }
    EXPECT_EQ(match(windows.data(), {masks.data(), kernels, units}, most.data()), all);
    EXPECT_EQ(most, expected);
  }
}

TEST(Swallow, RefusesOddStructures) { EXPECT_THROW(make_spec({{"columns", "20"}}), InputError); }

}  // namespace
}  // namespace syncopate::accel::swallow
