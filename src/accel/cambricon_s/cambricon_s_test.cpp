#include <gtest/gtest.h>

#include <map>

#include "accel/cambricon_s/config.h"
#include "accel/cambricon_s/format.h"
#include "array/actions.h"
#include "array/bit_stream.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cambricon_s {

extern const sim::Accelerator accelerator;

namespace {

using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;

using Settings = std::map<std::string, std::string>;

arch::Spec make_spec(Settings settings) {
  for (const char* stages : {"nsm_stages", "ssm_stages", "pefu_stages"}) {
    settings.try_emplace(stages, "0");
  }
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
  s.prune_outs = 16;
  return s;
}

LayerSpec convolution(double weights, double neurons) {
  LayerSpec s;
  s.outs = 40;
  s.ins = 48;
  s.in = {1, 7, 7};
  s.kernel = {1, 3, 3};
  s.pad = s.pad_after = {0, 1, 1};
  s.weight_density = weights;
  s.neuron_density = neurons;
  s.prune_outs = 16;
  return s;
}

/// n, w and f of every window of a fully connected layer's steps, straight from the operands.
struct Window {
  std::int64_t n = 0, w = 0, f = 0;
};
std::vector<std::vector<Window>> windows(const TestLayer& layer, std::int64_t width) {
  const auto x = layer.value("x").data<std::int16_t>();
  const auto w = layer.value("w").data<std::int16_t>();
  const auto ins = static_cast<std::int64_t>(x.size());
  const std::int64_t outs = layer.spec().outs;
  std::vector<std::vector<Window>> steps;
  for (std::int64_t out = 0; out < outs; out += 16) {
    std::vector<Window> step(static_cast<std::size_t>(ceil_div(ins, width)));
    for (std::int64_t i = 0; i < ins; ++i) {
      bool marked = false;
      for (std::int64_t o = out; o < std::min(outs, out + 16); ++o) {
        marked = marked || w[static_cast<std::size_t>(o * ins + i)] != 0;
      }
      Window& window = step[static_cast<std::size_t>(i / width)];
      ++window.n;
      window.w += marked;
      window.f += marked && x[static_cast<std::size_t>(i)] != 0;
    }
    steps.push_back(step);
  }
  return steps;
}

// One pixel, one input block: the formulas of the cycle model can be evaluated by hand.
TEST(CambriconS, FollowsTheFormulas) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    const double densities[] = {0.02, 0.2, 0.6, 1};
    const TestLayer layer(
        fully_connected(random.integer(1, 40), random.integer(1, 900),
                        densities[random.integer(0, 3)], densities[random.integer(0, 3)]),
        random);
    const std::int64_t wn = 64 << random.integer(0, 3), ws = 16 << random.integer(0, 4);
    std::int64_t fifo = 0, window = 0;
    for (const auto& step : windows(layer, wn)) {
      Window all;
      for (const Window& w : step) {
        all.n += w.n;
        all.w += w.w;
        all.f += w.f;
        window += std::max({std::int64_t{1}, ceil_div(w.f, 16), ceil_div(w.w, ws)});
      }
      fifo += std::max({ceil_div(all.f, 16), ceil_div(all.n, wn), ceil_div(all.w, ws)});
    }
    const Settings base = {{"Wn", std::to_string(wn)},
                           {"Ws", std::to_string(ws)},
                           {"SB", "268435456"},
                           {"SIB", "1048576"}};
    Settings by_window = base;
    by_window["compaction"] = "window";
    EXPECT_EQ(run(layer, base).cycles, fifo);
    EXPECT_EQ(run(layer, by_window).cycles, window);
  }
}

TEST(CambriconS, WindowIsNeverFasterAndNotSkippingNeither) {
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    const TestLayer layer(array::testing::random_spec(random), random);
    const std::int64_t best = run(layer).cycles;
    EXPECT_LE(best, run(layer, {{"compaction", "window"}}).cycles);
    EXPECT_LE(best, run(layer, {{"skip_neurons", "false"}}).cycles);
  }
}

TEST(CambriconS, DenseCostsWhatADenseMachineCosts) {
  Random random(3);
  const TestLayer layer(convolution(1, 1), random);
  // 7x7 pixels, 9 kernel positions, ceil(40/16) output groups, 48/16 inputs; padding is skipped, so
  // it is taken away with zero-padding off.
  const sim::Stats total = run(layer, {{"skip_neurons", "false"}});
  EXPECT_EQ(total.cycles, 49 * 9 * 3 * 3);
  LayerSpec unpadded = convolution(1, 1);
  unpadded.pad = unpadded.pad_after = {0, 0, 0};
  const TestLayer inside(unpadded, random);
  EXPECT_EQ(run(inside).cycles, 25 * 9 * 3 * 3);
  EXPECT_EQ(run(inside)[sim::Cause::bubble], 0);
}

TEST(CambriconS, BlocksOfSixteenOutputsLeaveNoBubbles) {
  Random random(4);
  LayerSpec s = convolution(0.3, 0.4);
  EXPECT_EQ(run(TestLayer(s, random))[sim::Cause::bubble], 0);
  EXPECT_EQ(run(TestLayer(s, random))[sim::Cause::imbalance], 0);
  s.prune_outs = 1;  // Fine-grained: zeros under the shared index are multiplied.
  EXPECT_GT(run(TestLayer(s, random))[sim::Cause::bubble], 0);
}

/// The weights of a whole layer, from the bytes of one segment.
std::vector<std::int16_t> decode(const BlockFormat& format, const map::Loops& loops) {
  const array::Segment all{0, 0, loops.outs, 0, loops.ins};
  const array::SegmentBytes size = format.bytes(all);
  std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
  std::vector<std::byte> index(static_cast<std::size_t>(size.index));
  format.encode(all, synapses, index);
  array::BitReader values(synapses), marks(index);
  const std::int64_t kernel = loops.kernel_size();
  std::vector<std::int16_t> weights(static_cast<std::size_t>(loops.outs * kernel * loops.ins), 0);
  for (std::int64_t out = 0; out < loops.outs; out += 16) {
    std::vector<std::int64_t> marked;
    for (std::int64_t k = 0; k < kernel; ++k) {
      for (std::int64_t i = 0; i < loops.ins; i += format.code().block) {
        if (marks.get(1) == 0) continue;
        for (std::int64_t j = i; j < std::min(loops.ins, i + format.code().block); ++j) {
          marked.push_back(k * loops.ins + j);
        }
      }
    }
    for (std::int64_t o = out; o < std::min(loops.outs, out + 16); ++o) {
      for (const std::int64_t position : marked) {
        const std::uint32_t word = values.get(format.code().bits);
        weights[static_cast<std::size_t>(o * kernel * loops.ins + position)] =
            format.code().codebook.empty() ? static_cast<std::int16_t>(word)
                                           : format.code().codebook[word];
      }
    }
  }
  return weights;
}

TEST(CambriconS, DecodingGivesTheWeightsBack) {
  Random random(5);
  for (int i = 0; i < 60; ++i) {
    LayerSpec s = convolution(random.uniform(), 0.5);
    s.outs = random.integer(1, 40);
    s.ins = random.integer(1, 90);
    s.prune_outs = random.chance(0.5) ? 16 : 1;
    s.prune_ins = std::int64_t{1} << random.integer(0, 5);
    s.distinct = random.integer(0, 2) * random.integer(1, 200);
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const auto weights = sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops);
    const BlockFormat format(weights, Config(make_spec({})));
    const auto expected = layer.data().weights();
    EXPECT_EQ(decode(format, loops), std::vector<std::int16_t>(expected.begin(), expected.end()));
  }
}

TEST(CambriconS, FindsBlocksAndCodebooks) {
  Random random(6);
  const auto code = [&](LayerSpec s, const Settings& settings = {}) {
    const TestLayer layer(s, random);
    return BlockFormat(
               sim::weights_of(layer.chain(), layer.chain().gconvs[0], layer.data().loops()),
               Config(make_spec(settings)))
        .code();
  };
  LayerSpec s = fully_connected(64, 512, 0.3, 1);
  s.prune_ins = 32;
  s.prune_outs = 32;
  EXPECT_EQ(code(s).block, 32);
  EXPECT_EQ(code(s).bits, 16);
  s.prune_ins = 4;
  s.distinct = 16;
  EXPECT_EQ(code(s).block, 4);
  EXPECT_EQ(code(s).bits, 4);
  EXPECT_EQ(code(s).codebook.size(), 16U);
  EXPECT_EQ(code(s, {{"codebook", "off"}}).bits, 16);
  s.prune_outs = 1;  // A stored zero needs a seventeenth code.
  EXPECT_EQ(code(s).bits, 8);
  s.distinct = 1000;
  EXPECT_EQ(code(s).bits, 16);
}

TEST(CambriconS, CompressedNeuronsMoveOneBitEachAndTheirValues) {
  Random random(7);
  LayerSpec s = fully_connected(16, 500, 0.5, 0.25);
  const TestLayer layer(s, random);
  std::int64_t nonzero = 0;
  for (const std::int16_t x : layer.data().input()) nonzero += x != 0;
  EXPECT_EQ(run(layer, {{"SB", "1048576"}}).neuron_read_bytes, (500 + 7) / 8 + 2 * nonzero);
  EXPECT_EQ(run(layer, {{"SB", "1048576"}, {"encoder", "none"}}).neuron_read_bytes, 1000);
}

}  // namespace
}  // namespace syncopate::accel::cambricon_s
