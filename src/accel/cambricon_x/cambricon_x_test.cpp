#include <gtest/gtest.h>

#include <map>

#include "accel/cambricon_x/config.h"
#include "accel/cambricon_x/format.h"
#include "array/actions.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cambricon_x {

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

LayerSpec fully_connected(std::int64_t outs, std::int64_t ins, double weights, double neurons) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.weight_density = weights;
  s.neuron_density = neurons;
  return s;
}

// One pixel, one input block: the formulas of the cycle model, straight from the weights.
TEST(CambriconX, FollowsTheFormulas) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    const std::int64_t outs = random.integer(1, 40), ins = random.integer(1, 900);
    const TestLayer layer(fully_connected(outs, ins, random.uniform(), 0.5), random);
    const auto w = layer.value("w").data<std::int16_t>();
    std::int64_t fifo = 0, window = 0;
    for (std::int64_t out = 0; out < outs; out += 16) {
      std::int64_t slowest_fifo = 0, slowest_window = 0;
      for (std::int64_t o = out; o < std::min(outs, out + 16); ++o) {
        std::int64_t all = 0, by_window = 0;
        for (std::int64_t begin = 0; begin < ins; begin += 256) {
          std::int64_t chunk = 0;
          for (std::int64_t p = begin; p < std::min(ins, begin + 256); ++p) {
            chunk += w[static_cast<std::size_t>(o * ins + p)] != 0;
          }
          all += chunk;
          by_window += std::max<std::int64_t>(1, ceil_div(chunk, 16));
        }
        slowest_fifo = std::max({slowest_fifo, ceil_div(all, 16), ceil_div(ins, 256)});
        slowest_window = std::max(slowest_window, by_window);
      }
      fifo += slowest_fifo;
      window += slowest_window;
    }
    const Settings large = {{"SB", "268435456"}};
    Settings by_window = large;
    by_window["compaction"] = "window";
    EXPECT_EQ(run(layer, large).cycles, fifo);
    EXPECT_EQ(run(layer, by_window).cycles, window);
  }
}

TEST(CambriconX, WindowBarrierAndIssuedFillersAreNeverFaster) {
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    const TestLayer layer(array::testing::random_spec(random), random);
    const std::int64_t barrier = run(layer).cycles;
    EXPECT_LE(barrier, run(layer, {{"compaction", "window"}}).cycles);
    EXPECT_LE(barrier, run(layer, {{"filler", "issue"}}).cycles);
    EXPECT_LE(run(layer, {{"sync", "fifo_of_1_group"}}).cycles, barrier);
  }
}

TEST(CambriconX, NeuronZerosAreMultiplied) {
  Random random(3);
  LayerSpec s = fully_connected(32, 512, 0.3, 0);
  const sim::Stats idle = run(TestLayer(s, random));
  EXPECT_EQ(idle[sim::Cause::work], 0);
  EXPECT_GT(idle[sim::Cause::bubble], 0);
  EXPECT_EQ(idle[sim::Cause::bubble], idle.pairs_issued);
}

TEST(CambriconX, UnequalOutputsWaitForEachOther) {
  Random random(4);
  const TestLayer layer(fully_connected(16, 1000, 0.3, 1), random);
  EXPECT_GT(run(layer)[sim::Cause::imbalance], 0);
  const TestLayer alone(fully_connected(1, 1000, 0.3, 1), random);
  EXPECT_EQ(run(alone)[sim::Cause::imbalance], 0);
}

TEST(CambriconX, CountsFillers) {
  // Gaps of 15, 16 and 47 zeros: none, one and two fillers; zeros at the end need none.
  std::vector<std::uint64_t> mask(4, 0);
  for (const std::size_t bit : {15U, 32U, 80U}) mask[bit / 64] |= 1ULL << (bit % 64);
  EXPECT_EQ(count_fillers(mask, 16), 3);
  EXPECT_EQ(count_fillers(mask, 256), 0);
  EXPECT_EQ(count_fillers(std::vector<std::uint64_t>(4, 0), 16), 0);
}

TEST(CambriconX, StepIndexRoundTrip) {
  Random random(5);
  for (int i = 0; i < 60; ++i) {
    LayerSpec s =
        fully_connected(random.integer(1, 20), random.integer(1, 300), random.uniform(), 1);
    s.in = s.kernel = {1, 2, 1};
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const int bits = static_cast<int>(random.integer(1, 6));
    StepFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops),
                      Config(make_spec({{"step_bits", std::to_string(bits)}})));
    map::Tiling tiling;
    tiling.ins = loops.ins;
    format.set_tiling(tiling);
    const array::Segment all{0, 0, loops.outs, 0, loops.ins};
    const array::SegmentBytes size = format.bytes(all);
    std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
    std::vector<std::byte> index(static_cast<std::size_t>(size.index));
    format.encode(all, synapses, index);
    const std::int64_t positions = loops.kernel_size() * loops.ins;
    std::vector<std::int16_t> decoded(static_cast<std::size_t>(loops.outs * positions), 0);
    const auto lanes = decode_steps(synapses, index, loops.outs, bits);
    std::size_t entries = 0;
    for (std::size_t out = 0; out < lanes.size(); ++out) {
      entries += lanes[out].size();
      for (const Entry& entry : lanes[out]) {
        decoded[out * static_cast<std::size_t>(positions) +
                static_cast<std::size_t>(entry.position)] = entry.value;
      }
    }
    EXPECT_EQ(entries * 2, synapses.size());
    const auto expected = layer.data().weights();
    EXPECT_EQ(decoded, std::vector<std::int16_t>(expected.begin(), expected.end()));
  }
}

}  // namespace
}  // namespace syncopate::accel::cambricon_x
