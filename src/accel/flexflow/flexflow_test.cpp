#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>

#include "accel/flexflow/config.h"
#include "accel/flexflow/mapping.h"
#include "accel/flexflow/plan.h"
#include "array/actions.h"
#include "array/testing.h"
#include "base/error.h"
#include "base/test_scale_for_tests.h"
#include "sim/accelerator.h"

namespace syncopate::accel::flexflow {

extern const sim::Accelerator accelerator;

namespace {

using array::testing::LayerKind;
using array::testing::LayerSpec;
using array::testing::TestLayer;

using Settings = std::map<std::string, std::string>;

arch::Spec make_spec(const Settings& settings) {
  Params params;
  for (const auto& [key, value] : settings) params.set(key, value);
  return accelerator.spec(params);
}

sim::Stats run(const TestLayer& layer, const Settings& settings) {
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  return accelerator.machine(spec)->open(program, 0, layer.data())->count({});
}

LayerSpec square(std::int64_t outs, std::int64_t ins, std::int64_t size, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, size + kernel - 1, size + kernel - 1};
  s.kernel = {1, kernel, kernel};
  s.weight_density = s.neuron_density = 0.3;
  return s;
}

Layer shape_of(const LayerSpec& s) {
  Layer l;
  l.outs = s.outs;
  l.ins = s.ins;
  l.rows = s.out(1);
  l.cols = s.out(2);
  l.kernel_rows = s.kernel[1];
  l.kernel_cols = s.kernel[2];
  l.repeats = s.batch * s.groups * s.out(0) * s.kernel[0];
  return l;
}

std::string as_override(const Factors& f) {
  return fmt::format("layer:{}.{}.{}.{}.{}.{}", f.out.maps, f.in.maps, f.out.rows, f.out.cols,
                     f.in.rows, f.in.cols);
}

// The small networks of the paper through compiler and engine: exactly the chained totals of
// section 4.2 without fill, and within two points of their utilization with it.
TEST(FlexFlow, RunsThePapersNetworksInTheirCycles) {
  struct Net {
    std::vector<LayerSpec> layers;
    std::int64_t cycles;
  };
  const Net nets[] = {{{square(8, 1, 45, 6), square(12, 8, 20, 3), square(16, 12, 8, 3),
                        square(10, 16, 6, 3), square(6, 10, 4, 3)},
                       5925},
                      {{square(4, 1, 28, 5), square(16, 4, 10, 4)}, 792},
                      {{square(6, 1, 28, 5), square(16, 6, 10, 5)}, 1672},
                      {{square(6, 1, 24, 5), square(12, 6, 8, 4)}, 720}};
  Random random(1);
  for (const Net& net : nets) {
    std::vector<Layer> shapes;
    for (const LayerSpec& s : net.layers) {
      shapes.push_back(shape_of(s));
      shapes.back().producer = static_cast<int>(shapes.size()) - 2;
    }
    const std::vector<Factors> factors = choose_factors(shapes, {});
    std::int64_t bare = 0, filled = 0, macs = 0;
    for (std::size_t i = 0; i < net.layers.size(); ++i) {
      const TestLayer layer(net.layers[i], random);
      const std::string f = as_override(factors[i]);
      bare += run(layer, {{"fill", "none"}, {"factors", f}}).cycles;
      filled += run(layer, {{"factors", f}}).cycles;
      macs += shapes[i].macs();
    }
    EXPECT_EQ(bare, net.cycles);
    const auto percent = [&](std::int64_t cycles) {
      return 100 * static_cast<double>(macs) / static_cast<double>(cycles * 256);
    };
    EXPECT_LT(percent(bare) - percent(filled), 2);
  }
}

LayerSpec random_conv(Random& random) {
  for (;;) {
    const LayerSpec s = array::testing::random_spec(random);
    if (s.kind == LayerKind::conv) return s;
  }
}

/// A random setting for every parameter that touches cycles or counts.
Settings random_settings(Random& random, const std::string& skip) {
  const auto one_of = [&](std::vector<std::string> values) {
    return values[static_cast<std::size_t>(
        random.integer(0, static_cast<std::int64_t>(values.size()) - 1))];
  };
  return {{"skip", skip},
          {"preset", one_of({"flexflow", "pro"})},
          {"D", one_of({"4", "7", "8", "8", "16", "16", "16", "16", "32"})},
          {"slack", one_of({"0", "1", "2", "3", "8"})},
          {"n_min", one_of({"0", "1"})},
          {"slices_per_cycle", one_of({"1", "2", "4"})},
          {"refill", one_of({"skew", "barrier", "free"})},
          {"fill", one_of({"none", "layer", "bus"})},
          {"compress", one_of({"none", "bitmap"})},
          {"column_balance", one_of({"none", "greedy"})},
          {"packing", one_of({"factors", "factors", "packed"})},
          {"objective", one_of({"cycles", "energy", "edp"})},
          {"factor_basis", one_of({"dense", "effective"})},
          {"store_words", one_of({"2", "16", "128", "1024"})},
          {"NBin", one_of({"4096", "16384"})},
          {"SB", one_of({"2048", "32768"})}};
}

std::string to_text(const Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings) text += key + "=" + value + " ";
  return text;
}

/// Both engines on every tile; outputs against the layer's.
void expect_agreement(const TestLayer& layer, const Settings& settings) {
  const arch::Spec spec = make_spec(settings);
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  const auto opened = machine->open(program, 0, layer.data());
  const map::Loops& l = layer.data().loops();
  const std::int64_t channels = l.groups * l.outs;
  std::vector<std::int64_t> sums(layer.sums().size(), 0);
  for (std::int64_t i = 0; i < opened->tiles(); ++i) {
    const sim::ClockedTile clocked = opened->clock(i);
    ASSERT_EQ(clocked.result.stats.cycles, opened->count_tile(i).stats.cycles) << "tile " << i;
    ASSERT_TRUE(clocked.result == opened->count_tile(i)) << "tile " << i;
    const map::TileBox box = opened->tile(i).box;
    const std::int64_t outs = box.out1 - box.out0;
    const std::int64_t h = box.end[1] - box.begin[1], w = box.end[2] - box.begin[2];
    for (std::int64_t at = 0; at < box.pixels() * outs; ++at) {
      const std::int64_t p = at / outs, t = box.begin[0] + p / w / h;
      const std::int64_t y = box.begin[1] + p / w % h, x = box.begin[2] + p % w;
      const std::int64_t row = ((box.batch * l.out[0] + t) * l.out[1] + y) * l.out[2] + x;
      sums[static_cast<std::size_t>(row * channels + box.group * l.outs + box.out0 + at % outs)] +=
          clocked.sums[static_cast<std::size_t>(at)];
    }
  }
  if (channels == layer.channels()) {
    EXPECT_EQ(sums, layer.sums());
  }
}

/// Per mode; the conformance suite has 2,000 more.
const std::int64_t kCases = scaled(600);

class EveryMode : public ::testing::TestWithParam<const char*> {};

// Beside the conformance suite, where parameters change at random and rarely together.
TEST_P(EveryMode, EnginesAgreeAndOutputsAreExact) {
  Random random(11);
  std::int64_t ran = 0;
  for (std::int64_t i = 0; i < kCases; ++i) {
    const TestLayer layer(random_conv(random), random);
    const Settings settings = random_settings(random, GetParam());
    SCOPED_TRACE(fmt::format("case {}: {}", i, to_text(settings)));
    try {
      expect_agreement(layer, settings);
      ++ran;
    } catch (const InputError&) {
      // A buffer too small for any tile.
    }
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GE(ran, kCases * 9 / 10);
}

INSTANTIATE_TEST_SUITE_P(FlexFlow, EveryMode,
                         ::testing::Values("none", "synapse", "neuron", "both"));

// Bar of FlexFlow-Pro: with nothing skipped it is FlexFlow, and both are the closed formula
// whatever the tiling: small buffers cut the layer in many tiles.
TEST(FlexFlow, SkippingNothingCostsTheFormula) {
  Random random(2);
  std::int64_t cut = 0;
  for (int i = 0; i < 300; ++i) {
    LayerSpec s = random_conv(random);
    s.ins = random.integer(1, 80);
    const TestLayer layer(s, random);
    const map::Loops& l = layer.data().loops();
    Layer shape;
    shape.outs = l.outs;
    shape.ins = l.ins;
    shape.rows = l.out[1];
    shape.cols = l.out[2];
    shape.kernel_rows = l.kernel[1];
    shape.kernel_cols = l.kernel[2];
    shape.repeats = l.batch * l.groups * l.out[0] * l.kernel[0];
    const std::vector<Factors> factors = choose_factors(std::span(&shape, 1), {});
    for (const char* preset : {"flexflow", "pro"}) {
      const arch::Spec spec =
          make_spec({{"preset", preset}, {"skip", "none"}, {"fill", "none"}, {"NBin", "8192"}});
      const sim::Program program = accelerator.compile(layer.chain(), spec);
      const auto machine = accelerator.machine(spec);
      const auto opened = machine->open(program, 0, layer.data());
      EXPECT_EQ(opened->count({}).cycles, dense_cycles(shape, factors[0]));
      cut += opened->tiles() > l.batch * l.groups;
    }
  }
  EXPECT_GT(cut, 30);
}

TEST(FlexFlow, SlackAndSkippingNeverCostCycles) {
  Random random(3);
  for (int i = 0; i < 60; ++i) {
    const TestLayer layer(random_conv(random), random);
    Settings settings = {{"preset", "pro"}, {"fill", "none"}};
    std::int64_t before = run(layer, {{"skip", "none"}, {"fill", "none"}}).cycles;
    for (const char* slack : {"1", "2", "4", "8", "16", "0"}) {
      settings["slack"] = slack;
      const std::int64_t cycles = run(layer, settings).cycles;
      EXPECT_LE(cycles, before) << "slack " << slack;
      before = cycles;
    }
    for (const char* skip : {"synapse", "neuron"}) {
      settings["skip"] = skip;
      EXPECT_LE(before, run(layer, settings).cycles) << skip;
    }
  }
}

TEST(FlexFlow, LossesHaveTheirCauses) {
  Random random(4);
  // Nothing to skip and a perfect fit: all work.
  LayerSpec s = square(32, 32, 8, 3);
  s.weight_density = s.neuron_density = 1;
  const TestLayer dense(s, random);
  const sim::Stats full = run(dense, {{"preset", "pro"}, {"fill", "none"}});
  EXPECT_EQ(full[sim::Cause::work], full.cycles * 256);
  // A shape that fills 9 of 16 columns: the others are underfill, with zeros or without.
  s = square(16, 1, 8, 3);
  const TestLayer narrow(s, random);
  const sim::Stats shape = run(narrow, {{"fill", "none"}});
  EXPECT_EQ(shape[sim::Cause::underfill], shape.cycles * 7 * 16);
  EXPECT_EQ(run(narrow, {{"preset", "pro"}, {"fill", "none"}})[sim::Cause::underfill] / 16 / 7,
            run(narrow, {{"preset", "pro"}, {"fill", "none"}}).cycles);
  // Zeros make PEs wait for each other, scans that find nothing are index, buses fill.
  const TestLayer sparse(square(32, 32, 8, 3), random);
  EXPECT_GT(run(sparse, {{"preset", "pro"}})[sim::Cause::imbalance], 0);
  EXPECT_EQ(run(sparse, {{"preset", "pro"}})[sim::Cause::bubble], 0);
  EXPECT_GT(run(sparse, {{"preset", "pro"}, {"slices_per_cycle", "1"}})[sim::Cause::index], 0);
  EXPECT_GT(run(sparse, {{"preset", "pro"}, {"skip", "synapse"}})[sim::Cause::bubble], 0);
  EXPECT_GT(run(sparse, {{"preset", "pro"}, {"fill", "bus"}})[sim::Cause::fill],
            run(sparse, {{"preset", "pro"}})[sim::Cause::fill]);
}

TEST(FlexFlow, BalancingHelpsWhereInputsDiffer) {
  // Inputs 0, 16, 32, ... carry most weights: without permutation one column gets them all.
  Random random(5);
  LayerSpec s = square(16, 64, 1, 1);
  s.in = {1, 12, 12};
  s.weight_density = 0.9;
  s.neuron_density = 1;
  const TestLayer layer(s, random);
  const std::int64_t plain = run(layer, {{"preset", "pro"}}).cycles;
  EXPECT_LE(run(layer, {{"preset", "pro"}, {"column_balance", "greedy"}}).cycles,
            plain + plain / 50);
}

TEST(FlexFlow, ProCompressesAndPaysOverhead) {
  Random random(6);
  const TestLayer layer(square(32, 32, 8, 3), random);
  const sim::Stats base = run(layer, {}), pro = run(layer, {{"preset", "pro"}});
  EXPECT_LT(pro.dram_bytes(), base.dram_bytes());
  EXPECT_EQ(base.index_read_bytes, 0);
  EXPECT_GT(pro.index_read_bytes, 0);
  const std::size_t overhead = array::kFirstOwnAct + 2;
  EXPECT_EQ(base.actions[overhead], 0);
  EXPECT_EQ(pro.actions[overhead], pro.pairs_issued * 15 / 100);
  EXPECT_GT(make_spec({{"preset", "pro"}}).area_overhead, 0.09);
}

/// Two convolutions with pooling between them, in one chain.
gconv::Chain two_layers(const TestLayer& first, const TestLayer& pool, const TestLayer& second) {
  gconv::Chain chain = first.chain();
  const auto append = [&](const TestLayer& layer, const std::string& name, const std::string& in) {
    gconv::GConv g = layer.chain().gconvs[0];
    g.name = g.layer = name;
    g.input.tensor = in;
    g.output.tensor = name + ".y";
    if (g.kernel) {
      g.kernel->tensor = name + ".w";
      chain.tensors[name + ".w"] = layer.chain().tensors.at("w");
    }
    chain.tensors[name + ".y"] = layer.chain().tensors.at("y");
    chain.gconvs.push_back(g);
  };
  append(pool, "pool", "y");
  append(second, "second", "pool.y");
  chain.outputs = {"second.y"};
  return chain;
}

TEST(FlexFlow, ChainsFactorsThroughPooling) {
  Random random(7);
  LayerSpec pool;
  pool.kind = LayerKind::max_pool;
  pool.outs = 6;
  pool.in = {1, 28, 28};
  pool.kernel = pool.stride = {1, 2, 2};
  const TestLayer first(square(6, 1, 28, 5), random), middle(pool, random),
      second(square(16, 6, 10, 5), random);
  const gconv::Chain chain = two_layers(first, middle, second);
  const Network network = network_of(chain, {}, false);
  ASSERT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers[0].producer, -1);
  EXPECT_EQ(network.layers[1].producer, 0);
  const arch::Spec spec = make_spec({});
  const std::string text = accelerator.disassemble(accelerator.compile(chain, spec), false);
  EXPECT_NE(text.find("mode=2 Tm=3 Tn=1 Tr=1 Tc=5 Ti=3 Tj=5"), std::string::npos) << text;
  EXPECT_NE(text.find("mode=2 Tm=16 Tn=3 Tr=1 Tc=1 Ti=1 Tj=5"), std::string::npos) << text;
  EXPECT_NE(text.find("mode=3 Tm=0 Tn=0 Tr=0 Tc=0 Ti=0 Tj=0 pool=2"), std::string::npos) << text;
}

std::string refusal(const TestLayer& layer, const std::string& factors) {
  try {
    run(layer, {{"factors", factors}});
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(FlexFlow, RefusesFactorsThatMakeNoSense) {
  Random random(8);
  const TestLayer layer(square(6, 3, 8, 3), random);
  EXPECT_EQ(refusal(layer, "layer:6.1.1.2.3.3"), "");
  EXPECT_EQ(refusal(layer, "layer:6.1.1.4.3.3"),
            "flexflow.factors: <6,1,1,4,3,3> do not fit layer 'layer' on 16 x 16 PEs");
  EXPECT_EQ(refusal(layer, "other:1.1.1.1.1.1"),
            "flexflow.factors: no convolution is named 'other'");
  EXPECT_EQ(refusal(layer, "layer:1.1.1"),
            "flexflow.factors: 'layer:1.1.1': expected NAME:Tm.Tn.Tr.Tc.Ti.Tj");
}

}  // namespace
}  // namespace syncopate::accel::flexflow
