#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "accel/sense/config.h"
#include "accel/sense/geometry.h"
#include "accel/sense/maps.h"
#include "array/testing.h"
#include "base/error.h"
#include "base/test_scale_for_tests.h"
#include "sim/accelerator.h"

namespace syncopate::accel::sense {

extern const sim::Accelerator accelerator;

namespace {

using array::Act;
using array::ceil_div;
using array::testing::LayerSpec;
using array::testing::TestLayer;
using Settings = std::map<std::string, std::string>;

constexpr std::int64_t kFill = 62;  ///< Once a layer.

arch::Spec make_spec(const Settings& settings) {
  Params params;
  for (const auto& [key, value] : settings) params.set(key, value);
  return accelerator.spec(params);
}

sim::Stats run(const gconv::Chain& chain, const sim::LayerData& data,
               const Settings& settings = {}) {
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(chain, spec);
  const auto machine = accelerator.machine(spec);
  return machine->open(program, 0, data)->count({});
}
sim::Stats run(const TestLayer& layer, const Settings& settings = {}) {
  return run(layer.chain(), layer.data(), settings);
}

std::int64_t action(const sim::Stats& stats, Act act) {
  return stats.actions[static_cast<std::size_t>(act)];
}

LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side, side};
  s.kernel = {1, kernel, kernel};
  return s;
}

TEST(Sense, PeakIsThePublishedOne) {
  const arch::Spec spec = make_spec({});
  EXPECT_EQ(spec.multipliers(), 1024);
  EXPECT_EQ(2 * spec.multipliers() * spec.clock_mhz, 409600);  // MOP/s: 409.6 GOP/s
}

TEST(Sense, DenseOperands) {
  Random random(1);
  // 16 x 16 outputs are one PE tile, whose PEs hold 18 x 18 inputs.
  const TestLayer layer(plane(64, 96, 18, 3), random);
  EXPECT_EQ(run(layer).cycles, 2 * 3 * 18 * 18 * 9 + kFill);
  EXPECT_EQ(run(layer, {{"pe_mode", "match"}}).cycles, 2 * 3 * 16 * 16 * 9 + kFill);
  // Products beyond the border are made, and no pair.
  const sim::Stats stats = run(layer);
  EXPECT_EQ(action(stats, Act::multiply), 64 * 96 * 18 * 18 * 9);
  EXPECT_EQ(stats.pairs_issued, 64 * 96 * 16 * 16 * 9);
  EXPECT_EQ(run(layer, {{"tile", "7"}}).cycles,
            2 * 3 * 9 * (9 * 9 * 4 + 9 * 4 * 4 + 4 * 4) + kFill);
}

TEST(Sense, PointwiseLayersGiveVectorsOfChannels) {
  Random random(2);
  const TestLayer layer(plane(32, 256, 14, 1), random);
  // 8 channels a PE fill all rows; 32 leave three quarters of them empty.
  EXPECT_EQ(run(layer).cycles, 8 * 14 * 14 + kFill);
  EXPECT_EQ(run(layer, {{"vector", "fixed"}}).cycles, 32 * 14 * 14 + kFill);
}

TEST(Sense, SaysHowItTakesChannels) {
  Random random(12);
  const auto passes = [&](const LayerSpec& layer, const Settings& settings = {}) {
    const TestLayer test(layer, random);
    const arch::Spec spec = make_spec(settings);
    return accelerator.passes(accelerator.compile(test.chain(), spec), 0, spec);
  };
  for (const sim::ChannelPasses& one : passes(plane(32, 256, 14, 1))) {
    EXPECT_EQ(one, (sim::ChannelPasses{32, 8, 32, 14}));
  }
  for (const sim::ChannelPasses& one : passes(plane(64, 96, 18, 3), {{"rows", "16"}})) {
    EXPECT_EQ(one, (sim::ChannelPasses{16, 1, 32, 16}));
  }
  EXPECT_EQ(passes(plane(64, 96, 18, 3)).size(), 2U);  // Either operand may be fetched once.
  EXPECT_TRUE(passes(plane(64, 96, 18, 3), {{"clustering", "runtime"}}).empty());
  EXPECT_TRUE(passes(plane(64, 96, 1, 1)).empty());  // Fully connected.
}

TEST(Sense, StreamsIntoRowsCanBeTheBottleneck) {
  Random random(3);
  LayerSpec s = plane(32, 256, 14, 1);
  s.weight_density = 0.2;
  const TestLayer layer(s, random);
  const sim::Stats free = run(layer), bound = run(layer, {{"row_words", "1"}});
  EXPECT_LT(free.cycles, 8 * 14 * 14 + kFill);
  EXPECT_EQ(bound.cycles, 8 * 14 * 14 + kFill);
}

/// Non-zero inputs of each channel, and weights of each kernel, of a layer with one PE tile.
struct Counts {
  std::vector<std::int64_t> inputs;
  std::vector<std::vector<std::int64_t>> kernels;  ///< [output][input]
};
Counts counts_of(const sim::LayerData& data) {
  const map::Loops& l = data.loops();
  const auto ins = static_cast<std::size_t>(l.ins), outs = static_cast<std::size_t>(l.outs);
  Counts counts{std::vector<std::int64_t>(ins), {outs, std::vector<std::int64_t>(ins)}};
  for (std::size_t i = 0; i < data.input().size(); ++i) {
    counts.inputs[i % ins] += data.input()[i] != 0;
  }
  for (std::size_t i = 0; i < data.weights().size(); ++i) {
    const std::size_t out = i / ins / static_cast<std::size_t>(l.kernel_size());
    counts.kernels[out][i % ins] += data.weights()[i] != 0;
  }
  return counts;
}

// Section 6 of the notes: the sum over passes of max over (i, j) of nnz_i * w_ij.
TEST(Sense, CyclesAreThoseOfTheBarrierModel) {
  Random random(4);
  for (int i = 0; i < scaled(20); ++i) {
    LayerSpec s = plane(random.integer(1, 100), random.integer(1, 100), random.integer(4, 16), 3);
    s.weight_density = random.uniform();
    s.neuron_density = random.uniform();
    const TestLayer layer(s, random);
    const Counts counts = counts_of(layer.data());
    std::int64_t cycles = kFill;
    for (std::int64_t out = 0; out < s.outs; out += 32) {
      for (std::int64_t in = 0; in < s.ins; in += 32) {
        std::int64_t slowest = 1;
        for (std::int64_t m = out; m < std::min(s.outs, out + 32); ++m) {
          for (std::int64_t n = in; n < std::min(s.ins, in + 32); ++n) {
            slowest = std::max(
                slowest,
                counts.inputs[static_cast<std::size_t>(n)] *
                    counts.kernels[static_cast<std::size_t>(m)][static_cast<std::size_t>(n)]);
          }
        }
        cycles += slowest;
      }
    }
    EXPECT_EQ(run(layer).cycles, cycles) << s.outs << " outputs, " << s.ins << " inputs";
  }
}

// Three channels leave 29 of 32 rows over, in which nine more PE tiles find place.
TEST(Sense, SpareRowsTakeOtherTilesOfTheMap) {
  Random random(13);
  const TestLayer layer(plane(64, 3, 58, 3), random);  // 56 x 56 outputs: 16 tiles of 14 x 14.
  const Settings large = {{"ofm_kb", "1024"}};         // Sums of the whole map.
  const auto with = [&](Settings settings) {
    settings.insert(large.begin(), large.end());
    return run(layer, settings);
  };
  constexpr std::int64_t kTile = 16 * 16 * 9;
  const sim::Stats tiles = with({}), idle = with({{"spare_rows", "idle"}});
  EXPECT_EQ(tiles.cycles, 2 * 2 * kTile + kFill);
  EXPECT_EQ(idle.cycles, 2 * 16 * kTile + kFill);
  EXPECT_EQ(with({{"rows", "7"}}).cycles, 2 * 8 * kTile + 37);  // Two tiles a pass.
  EXPECT_EQ(with({{"rows", "5"}}).cycles, 2 * 16 * kTile + 35);
  // The same products; weights are read once a pass.
  EXPECT_EQ(tiles.pairs_issued, idle.pairs_issued);
  for (const Act act : {Act::multiply, Act::neuron_read, Act::add}) {
    EXPECT_EQ(action(tiles, act), action(idle, act));
  }
  EXPECT_EQ(action(idle, Act::synapse_read), 16 * 64 * 3 * 9);
  EXPECT_EQ(action(tiles, Act::synapse_read), 2 * 64 * 3 * 9);
  // Half of 256 KiB holds the sums of five tiles for 32 outputs: blocks are of two by two.
  EXPECT_EQ(run(layer).cycles, 2 * 4 * kTile + kFill);
}

TEST(Sense, BlocksHoldTheTilesOfAPass) {
  const auto pixels = [](std::int64_t ins, std::int64_t outputs, const Settings& settings = {}) {
    LayerSpec s = plane(64, ins, outputs + 2, 3);
    s.shape_only = true;
    Random random(1);
    const TestLayer layer(s, random);
    return choose_pixels(Config(make_spec(settings)), layer.data().loops());
  };
  using Pixels = std::array<std::int64_t, 3>;
  EXPECT_EQ(pixels(3, 56), (Pixels{1, 28, 28}));
  EXPECT_EQ(pixels(3, 56, {{"ofm_kb", "128"}}), (Pixels{1, 14, 28}));
  EXPECT_EQ(pixels(3, 56, {{"ofm_kb", "1024"}}), (Pixels{1, 28, 56}));
  EXPECT_EQ(pixels(3, 56, {{"ifm_kb", "2"}}), (Pixels{1, 14, 14}));
  EXPECT_EQ(pixels(17, 56), (Pixels{1, 14, 14}));
  EXPECT_EQ(pixels(3, 56, {{"spare_rows", "idle"}}), (Pixels{1, 14, 14}));
}

TEST(Sense, APassWithSpareRowsWaitsForAllItsTiles) {
  Random random(14);
  for (int i = 0; i < 10; ++i) {
    LayerSpec s = plane(32, 3, 30, 3);  // 28 x 28 outputs: 4 tiles, all in one pass.
    s.weight_density = random.uniform();
    s.neuron_density = random.uniform();
    const TestLayer layer(s, random);
    const Counts counts = counts_of(layer.data());
    std::int64_t slowest = 1, alone = 0;
    for (std::int64_t tile = 0; tile < 4; ++tile) {
      std::int64_t busiest = 1;
      for (std::size_t n = 0; n < 3; ++n) {
        std::int64_t inputs = 0, weights = 0;
        for (std::int64_t at = 0; at < 16 * 16; ++at) {
          const std::int64_t y = tile / 2 * 14 + at / 16, x = tile % 2 * 14 + at % 16;
          inputs += layer.data().input()[static_cast<std::size_t>((y * 30 + x) * 3) + n] != 0;
        }
        for (std::size_t m = 0; m < 32; ++m) weights = std::max(weights, counts.kernels[m][n]);
        busiest = std::max(busiest, inputs * weights);
      }
      slowest = std::max(slowest, busiest);
      alone += busiest;
    }
    EXPECT_EQ(run(layer).cycles, slowest + kFill);
    EXPECT_EQ(run(layer, {{"spare_rows", "idle"}}).cycles, alone + kFill);
  }
}

// More than half of the rows have a channel: none is spare.
TEST(Sense, RowsThatFitNoOtherTileIdle) {
  Random random(15);
  for (const std::int64_t ins : {17, 32, 40}) {
    const TestLayer layer(plane(32, ins, 30, 3), random);
    EXPECT_TRUE(run(layer) == run(layer, {{"spare_rows", "idle"}})) << ins;
  }
}

// With equal kernels a pass lasts as long as its densest channel, so that sorting cannot hurt.
TEST(Sense, RearrangingAtRunTimeIsNeverSlower) {
  Random random(5);
  std::int64_t before = 0, after = 0;
  for (int i = 0; i < 20; ++i) {
    LayerSpec s = plane(32, random.integer(33, 200), 12, 3);
    s.neuron_density = random.uniform();
    s.zero_channels = 0.3;
    const TestLayer layer(s, random);
    const std::int64_t none = run(layer).cycles;
    const std::int64_t sorted = run(layer, {{"clustering", "runtime"}}).cycles;
    EXPECT_LE(sorted, none);
    before += none;
    after += sorted;
    const std::int64_t shown =
        run(layer, {{"clustering", "runtime"}, {"sort_hidden", "false"}}).cycles;
    EXPECT_EQ(shown, sorted + s.ins);
  }
  EXPECT_LT(after, before);
}

TEST(Sense, OrderOfPasses) {
  const std::vector<std::uint32_t> counts = {3, 9, 3, 5};
  EXPECT_EQ(pass_order(counts, false), (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(pass_order(counts, true), (std::vector<std::int32_t>{1, 3, 0, 2}));
}

TEST(Sense, TileWithTheFewestProductsIsChosen) {
  const auto side = [](std::int64_t outputs, const Settings& settings = {}) {
    LayerSpec s = plane(1, 1, outputs + 2, 3);
    s.shape_only = true;
    Random random(1);
    const TestLayer layer(s, random);
    return choose_side(Config(make_spec(settings)), layer.data().loops());
  };
  EXPECT_EQ(side(13), 13);
  EXPECT_EQ(side(7), 7);
  EXPECT_EQ(side(28), 14);
  EXPECT_EQ(side(32), 16);
  EXPECT_EQ(side(28, {{"psum_words", "100"}}), 7);
  EXPECT_EQ(side(28, {{"tile", "13"}}), 13);
  EXPECT_THROW(make_spec({{"tile", "16"}, {"psum_words", "100"}}), InputError);
}

// Layers whose better side depends on densities that the compiler does not know.
TEST(Sense, AdaptiveDataflowNeverMovesMoreThanEitherFixedOne) {
  Random random(6);
  int ifm_wins = 0, weights_win = 0;
  for (int i = 0; i < scaled(40); ++i) {
    LayerSpec s =
        plane(32 * random.integer(2, 8), 32 * random.integer(1, 4), random.integer(8, 24), 1);
    s.weight_density = random.uniform();
    s.neuron_density = random.uniform();
    const TestLayer layer(s, random);
    const std::string ifm_kb = std::to_string(random.integer(16, 64));
    const std::string weight_kb = std::to_string(random.integer(5, 16));
    const auto bytes = [&](const std::string& dataflow) {
      return run(layer, {{"dataflow", dataflow}, {"ifm_kb", ifm_kb}, {"weight_kb", weight_kb}})
          .dram_bytes();
    };
    const std::int64_t inputs = bytes("ifm_first"), weights = bytes("weight_first");
    EXPECT_EQ(bytes("adc"), std::min(inputs, weights));
    ifm_wins += inputs < weights;
    weights_win += weights < inputs;
    const std::int64_t reuse = bytes("pr");
    EXPECT_TRUE(reuse == inputs || reuse == weights);
  }
  EXPECT_GE(ifm_wins, scaled(5));
  EXPECT_GE(weights_win, scaled(5));
}

// Section 5.3 of the notes, without halo: D_I = I + W parts(I) + O and D_W = W + I parts(W) + O,
// where the buffers' halves give at least ceil(size / half) parts.
TEST(Sense, TrafficFollowsTheEquations) {
  Random random(7);
  LayerSpec s = plane(256, 128, 28, 1);
  s.weight_density = s.neuron_density = 0.5;
  const TestLayer layer(s, random);
  const Settings small = {{"ifm_kb", "128"}, {"weight_kb", "32"}};
  const auto with = [&](const std::string& dataflow) {
    Settings settings = small;
    settings["dataflow"] = dataflow;
    return run(layer, settings);
  };
  const sim::Stats inputs = with("ifm_first"), weights = with("weight_first");
  const std::int64_t once = inputs.neuron_read_bytes;
  const std::int64_t stored = weights.synapse_read_bytes + weights.index_read_bytes;
  std::int64_t nonzeros = 0;
  for (const std::int16_t x : layer.data().input()) nonzeros += x != 0;
  EXPECT_NEAR(static_cast<double>(once), static_cast<double>(128 * 28 * 28 / 8 + 2 * nonzeros), 32);
  EXPECT_GE(stored, 256 * 128 / 8);
  const std::int64_t parts_of_inputs =
      (inputs.synapse_read_bytes + inputs.index_read_bytes) / stored;
  EXPECT_EQ(parts_of_inputs * stored, inputs.synapse_read_bytes + inputs.index_read_bytes);
  EXPECT_GE(parts_of_inputs, ceil_div(128 * 28 * 28 * 2, 64 * 1024));  // Places for dense maps.
  const double parts_of_weights =
      static_cast<double>(weights.neuron_read_bytes) / static_cast<double>(once);
  EXPECT_NEAR(parts_of_weights, std::round(parts_of_weights), 0.01);
  EXPECT_GE(parts_of_weights, static_cast<double>(weights.synapse_read_bytes) / (16 * 1024));
  EXPECT_EQ(inputs.write_bytes / 64, weights.write_bytes / 64);
}

// The synthetic case of section 6 of the notes.
class Ablation : public ::testing::Test {
 protected:
  static constexpr std::int64_t kChannels = 256, kSide = 16;

  /// Beta(2, 2): the median of three uniform numbers.
  static double density(Random& random) {
    const double a = random.uniform(), b = random.uniform(), c = random.uniform();
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
  }

  double utilization(bool balanced, bool rearranged) {
    Random random(8);
    LayerSpec shape = plane(kChannels, kChannels, kSide, 3);
    shape.shape_only = true;
    const TestLayer layer(shape, random);
    gconv::Chain chain = layer.chain();
    std::vector<std::int16_t> weights(kChannels * kChannels * 9, 0), inputs;
    for (std::size_t kernel = 0; kernel < weights.size(); kernel += 9) {
      for (std::size_t k = 0; k < 9; ++k) {
        weights[kernel + k] = balanced ? k < 4 : random.chance(0.5);
      }
    }
    std::vector<double> densities;
    for (int c = 0; c < kChannels; ++c) densities.push_back(density(random));
    for (int i = 0; i < kSide * kSide; ++i) {
      for (const double d : densities) inputs.push_back(random.chance(d));
    }
    chain.tensors["w"].constant = array::testing::integers(weights, false);
    sim::LayerData data(chain, chain.gconvs[0], map::loops_of(chain, chain.gconvs[0]));
    const Tensor x = array::testing::integers(inputs, false);
    data.set_activations([&](const std::string& name) -> const Tensor& {
      return name == "x" ? x : layer.value(name);
    });
    const sim::Stats stats = run(chain, data,
                                 {{"clustering", rearranged ? "runtime" : "none"},
                                  {"dataflow", "weight_first"},
                                  {"ifm_kb", "1024"}});
    return static_cast<double>(action(stats, Act::multiply)) /
           static_cast<double>(stats.cycles - kFill) / 1024;
  }
};

TEST_F(Ablation, UtilizationIsThatOfTheNotes) {
  EXPECT_NEAR(utilization(false, false), 0.29, 0.03);
  EXPECT_NEAR(utilization(false, true), 0.46, 0.04);
  EXPECT_NEAR(utilization(true, false), 0.56, 0.04);
  EXPECT_NEAR(utilization(true, true), 0.89, 0.04);
}

}  // namespace
}  // namespace syncopate::accel::sense
