#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "accel/scnn/collisions.h"
#include "accel/scnn/config.h"
#include "accel/scnn/format.h"
#include "accel/scnn/geometry.h"
#include "array/testing.h"
#include "sim/accelerator.h"

namespace syncopate::accel::scnn {

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

LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side, side};
  s.kernel = {1, kernel, kernel};
  s.pad = s.pad_after = {0, kernel / 2, kernel / 2};
  return s;
}

// Four neighbors in a row times four outputs never collide under the default hash.
TEST(Scnn, DenseOperandsReduceToTheDenseCount) {
  Random random(1);
  for (int i = 0; i < 10; ++i) {
    const TestLayer layer(plane(16 * random.integer(1, 4), random.integer(1, 40), 16, 1), random);
    const sim::Stats stats = run(layer);
    EXPECT_EQ(stats.cycles, layer.data().loops().pairs() / 256);
    EXPECT_EQ(stats[sim::Cause::work], stats.cycles * 256);
  }
}

TEST(Scnn, ProductsBeyondTheBorderAreWaste) {
  Random random(2);
  const TestLayer layer(plane(16, 16, 16, 3), random);
  const sim::Stats stats = run(layer);
  // Every activation meets all nine weights; at the border some products have no output.
  const std::int64_t products = 16 * 16 * 16 * 16 * 9, pairs = 16 * 16 * 46 * 46;
  EXPECT_EQ(stats.actions[static_cast<std::size_t>(array::Act::multiply)], products);
  EXPECT_EQ(stats[sim::Cause::work], pairs);
  EXPECT_EQ(stats[sim::Cause::underfill], products - pairs);  // No vector is short.
}

TEST(Scnn, HaloIsExchangedAfterEveryGroup) {
  Random random(3);
  const TestLayer layer(plane(32, 3, 16, 3), random);
  // An inner PE's 4 x 4 inputs reach 6 x 6 outputs, of which it owns 16.
  EXPECT_EQ(run(layer)[sim::Cause::fill], 20 * 32 * 256);
  EXPECT_EQ(run(layer, {{"halo", "false"}})[sim::Cause::fill], 0);
}

TEST(Scnn, FullyConnectedLayersUseAQuarter) {
  Random random(4);
  const TestLayer layer(plane(64, 512, 1, 1), random);
  const sim::Stats stats = run(layer, {{"halo", "false"}, {"SB", "268435456"}});
  // Two planes of 256 inputs, 16 for each PE, each with 64 / 4 vectors of weights.
  EXPECT_EQ(stats.cycles, 2 * 16 * 16);
  EXPECT_EQ(stats[sim::Cause::underfill], 3 * stats[sim::Cause::work]);
}

TEST(Scnn, NeverBeatsItsPairs) {
  Random random(5);
  for (int i = 0; i < 150; ++i) {
    LayerSpec s = array::testing::random_spec(random);
    s.kind = array::testing::LayerKind::conv;
    const TestLayer layer(s, random);
    const sim::Stats stats = run(layer);
    EXPECT_GE(stats.cycles * 256, stats.pairs_effectual);
    EXPECT_EQ(stats.pairs_issued, stats.pairs_effectual);
    EXPECT_LE(run(layer, {{"halo", "false"}}).cycles, stats.cycles);
  }
}

TEST(Scnn, OneBankTakesOneProductACycle) {
  Random random(6);
  LayerSpec s = plane(32, 8, 8, 3);
  s.weight_density = s.neuron_density = 0.5;
  const TestLayer layer(s, random);
  const sim::Stats stats = run(layer, {{"banks", "1"}, {"pe_rows", "1"}, {"pe_columns", "1"}});
  // The halo aside, a cycle for every product, needed or not.
  EXPECT_EQ(stats.cycles, stats.actions[static_cast<std::size_t>(array::Act::multiply)]);
}

TEST(Geometry, GroupsFillTheAccumulators) {
  map::Loops loops;
  loops.out = loops.in = {1, 56, 56};
  map::Tiling tiling;
  tiling.block = {1, 56, 56};
  EXPECT_EQ(Geometry(Config(make_spec({})), loops, tiling).group_outputs(), 6144 / (14 * 14));
  EXPECT_EQ(Geometry(Config(make_spec({{"acc_unit", "bytes"}})), loops, tiling).group_outputs(),
            1536 / (14 * 14));
}

// Every pair of an activation and a weight in the definition of a convolution must be found at one
// phase, at the right output.
TEST(Geometry, PhasesFindTheOutputs) {
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    map::Loops loops;
    for (std::size_t d = 1; d < 3; ++d) {
      loops.kernel[d] = random.integer(1, 5);
      loops.stride[d] = random.integer(1, 4);
      loops.dilation[d] = random.integer(1, 3);
      loops.pad[d] = random.integer(0, 3);
      loops.in[d] = loops.out[d] = 10;
    }
    const Geometry geometry(Config(make_spec({})), loops, {});
    std::int64_t taps = 0;
    for (std::int64_t phase = 0; phase < geometry.phases(); ++phase) {
      for (const Tap& tap : geometry.taps(phase)) {
        ++taps;
        const std::int64_t ky = tap.position / loops.kernel[2], kx = tap.position % loops.kernel[2];
        for (std::int64_t y = 0; y < 10; ++y) {
          for (std::int64_t x = 0; x < 10; ++x) {
            const Place py = geometry.place(1, y), px = geometry.place(2, x);
            const std::int64_t row = y + loops.pad[1] - ky * loops.dilation[1];
            const std::int64_t column = x + loops.pad[2] - kx * loops.dilation[2];
            const bool meets = row % loops.stride[1] == 0 && column % loops.stride[2] == 0;
            ASSERT_EQ(geometry.phase({0, py.phase, px.phase}) == phase, meets);
            if (!meets) continue;
            EXPECT_EQ((py.at - tap.offset[1]) * loops.stride[1], row);
            EXPECT_EQ((px.at - tap.offset[2]) * loops.stride[2], column);
          }
        }
      }
    }
    EXPECT_EQ(taps, loops.kernel_size());
  }
}

TEST(Geometry, PesOwnEveryInputAndOutputOnce) {
  Random random(8);
  for (int i = 0; i < 50; ++i) {
    const Config config(make_spec({{"pe_rows", std::to_string(random.integer(1, 8))},
                                   {"pe_columns", std::to_string(random.integer(1, 8))}}));
    map::Loops loops;
    loops.kernel = {1, 3, 3};
    loops.pad = {0, 1, 1};
    loops.in = loops.out = {1, random.integer(1, 20), random.integer(1, 20)};
    map::TileBox box;
    box.end = loops.out;
    const Geometry geometry(config, loops, {});
    std::vector<int> in(static_cast<std::size_t>(loops.pixels())), out(in.size());
    for (std::int64_t pe = 0; pe < config.pes(); ++pe) {
      const auto mark = [&](const Area& area, std::vector<int>& seen) {
        for (std::int64_t y = area[1].begin; y < area[1].end; ++y) {
          for (std::int64_t x = area[2].begin; x < area[2].end; ++x) {
            ++seen[static_cast<std::size_t>(y * loops.in[2] + x)];
          }
        }
      };
      mark(geometry.inputs(box, pe), in);
      mark(geometry.outputs(box, pe), out);
    }
    EXPECT_EQ(std::count(in.begin(), in.end(), 1), loops.pixels());
    EXPECT_EQ(std::count(out.begin(), out.end(), 1), loops.pixels());
  }
}

TEST(Collisions, TableCountsTheFullestBank) {
  Random random(9);
  for (const std::int64_t banks : {1, 7, 16, 31, 32}) {
    const Collisions& collisions = Collisions::of(banks);
    for (int i = 0; i < 2000; ++i) {
      std::vector<std::uint8_t> values[2];
      std::uint16_t classes[2];
      for (int side = 0; side < 2; ++side) {
        const std::int64_t count = random.integer(1, kVector);
        for (std::int64_t n = 0; n < count; ++n) {
          values[side].push_back(static_cast<std::uint8_t>(random.integer(0, banks - 1)));
        }
        classes[side] = collisions.of(values[side].data(), count);
      }
      std::vector<int> fill(static_cast<std::size_t>(banks));
      for (const std::int64_t a : values[0]) {
        for (const std::int64_t w : values[1]) ++fill[static_cast<std::size_t>((a + w) % banks)];
      }
      EXPECT_EQ(collisions.row(classes[0])[classes[1]],
                *std::max_element(fill.begin(), fill.end()));
    }
  }
  EXPECT_LT(Collisions::of(32).classes(), 2000);
}

TEST(ZeroCountFormat, RoundTrip) {
  Random random(10);
  for (int i = 0; i < 60; ++i) {
    LayerSpec s = plane(random.integer(1, 60), random.integer(1, 40), 6, random.integer(1, 3));
    s.stride = {1, random.integer(1, 2), random.integer(1, 3)};
    s.weight_density = random.chance(0.5) ? 0.02 : random.uniform();
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const Config config(
        make_spec({{"acc_size", std::to_string(random.integer(64, 800))},
                   {"weight_order", random.chance(0.5) ? "outputs_inside" : "kernel_inside"}}));
    map::Tiling tiling;
    tiling.block = loops.out;
    ZeroCountFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops), config);
    format.set_tiling(tiling);
    const array::Segment all{0, 0, loops.outs, 0, loops.ins};
    const array::SegmentBytes size = format.bytes(all);
    std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
    std::vector<std::byte> index(static_cast<std::size_t>(size.index));
    format.encode(all, synapses, index);
    const Geometry geometry(config, loops, tiling);
    const Streams streams =
        decode_streams(synapses, index, config, geometry, loops.outs, loops.ins);
    std::vector<std::int16_t> decoded(layer.data().weights().size(), 0);
    for (std::size_t n = 0; n < streams.size(); ++n) {
      const auto stream = static_cast<std::int64_t>(n);
      const std::int64_t phase = stream % geometry.phases();
      const std::int64_t channel = stream / geometry.phases() % loops.ins;
      const std::int64_t group = stream / geometry.phases() / loops.ins;
      for (const Entry& entry : streams[n]) {
        const std::int64_t out = group * geometry.group_outputs() + entry.output;
        const Tap& tap = geometry.taps(phase)[static_cast<std::size_t>(entry.tap)];
        decoded[static_cast<std::size_t>((out * loops.kernel_size() + tap.position) * loops.ins +
                                         channel)] = entry.value;
      }
    }
    const auto expected = layer.data().weights();
    EXPECT_EQ(decoded, std::vector<std::int16_t>(expected.begin(), expected.end()));
  }
}

}  // namespace
}  // namespace syncopate::accel::scnn
