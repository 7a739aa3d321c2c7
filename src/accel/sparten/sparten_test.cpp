#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "accel/sparten/config.h"
#include "accel/sparten/format.h"
#include "array/testing.h"
#include "base/error.h"
#include "sim/accelerator.h"

namespace syncopate::accel::sparten {

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

LayerSpec plane(std::int64_t outs, std::int64_t ins, std::int64_t side) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side, side};
  return s;
}

/// Pairs of one filter in one chunk of a fully connected layer.
struct Chunk {
  std::int64_t weights = 0, pairs = 0;
};
std::vector<std::vector<Chunk>> chunks_of(const TestLayer& layer) {
  const std::int64_t outs = layer.spec().outs, ins = layer.spec().ins;
  const auto w = layer.value("w").data<std::int16_t>(), x = layer.value("x").data<std::int16_t>();
  std::vector<std::vector<Chunk>> result(static_cast<std::size_t>(outs));
  for (std::int64_t o = 0; o < outs; ++o) {
    result[static_cast<std::size_t>(o)].resize(static_cast<std::size_t>(ceil_div(ins, 128)));
    for (std::int64_t i = 0; i < ins; ++i) {
      Chunk& chunk = result[static_cast<std::size_t>(o)][static_cast<std::size_t>(i / 128)];
      const bool weight = w[static_cast<std::size_t>(o * ins + i)] != 0;
      chunk.weights += weight;
      chunk.pairs += weight && x[static_cast<std::size_t>(i)] != 0;
    }
  }
  return result;
}

/// Cycles of a chunk when up to 64 filters, the densest first, are folded onto 32 CUs.
std::int64_t folded(const std::vector<std::int64_t>& pairs) {
  std::int64_t slowest = 1;
  for (std::size_t place = 0; place < std::min<std::size_t>(32, pairs.size()); ++place) {
    const std::size_t partner = 63 - place;
    slowest = std::max(slowest, pairs[place] + (partner < pairs.size() ? pairs[partner] : 0));
  }
  return slowest;
}

// One pixel, one tile: groups of filters go to clusters in turn; the cycles of each chunk come
// straight from the operands.
TEST(SparTen, FollowsTheFormulas) {
  Random random(1);
  const Settings large = {{"SB", "268435456"}, {"NBin", "1048576"}, {"NBout", "1048576"}};
  for (int i = 0; i < 60; ++i) {
    LayerSpec s = plane(random.integer(1, 700), random.integer(1, 700), 1);
    s.weight_density = random.uniform();
    s.neuron_density = random.uniform();
    const TestLayer layer(s, random);
    const auto chunks = chunks_of(layer);
    std::map<std::string, std::int64_t> expected;
    for (const std::string balance : {"none", "gb_s", "gb_h"}) {
      const std::int64_t group = balance == "none" ? 32 : 64;
      std::vector<std::int64_t> clusters(8);
      std::vector<std::size_t> order(chunks.size());
      for (std::size_t f = 0; f < order.size(); ++f) order[f] = f;
      const auto denser = [&](std::size_t c, bool whole) {
        return [&chunks, c, whole](std::size_t a, std::size_t b) {
          std::int64_t sum_a = chunks[a][c].weights, sum_b = chunks[b][c].weights;
          for (std::size_t k = 0; whole && k < chunks[a].size(); ++k) {
            sum_a += k == c ? 0 : chunks[a][k].weights;
            sum_b += k == c ? 0 : chunks[b][k].weights;
          }
          return sum_a > sum_b;
        };
      };
      if (balance == "gb_s") std::stable_sort(order.begin(), order.end(), denser(0, true));
      for (std::int64_t first = 0; first < s.outs; first += group) {
        const std::int64_t count = std::min(group, s.outs - first);
        for (std::size_t c = 0; c < chunks[0].size(); ++c) {
          std::vector<std::size_t> filters(order.begin() + first, order.begin() + first + count);
          if (balance == "gb_h") {
            std::stable_sort(filters.begin(), filters.end(), denser(c, false));
          }
          std::vector<std::int64_t> pairs;
          for (const std::size_t f : filters) pairs.push_back(chunks[f][c].pairs);
          clusters[static_cast<std::size_t>(first / group % 8)] += folded(pairs);
        }
      }
      Settings settings = large;
      settings["balance"] = balance;
      EXPECT_EQ(run(layer, settings).cycles, *std::max_element(clusters.begin(), clusters.end()))
          << balance << ", " << s.outs << " x " << s.ins;
    }
  }
}

TEST(SparTen, DenseOperandsReduceToTheDenseCount) {
  Random random(2);
  for (int i = 0; i < 20; ++i) {
    // Full groups, and as many pixels for every cluster.
    const TestLayer layer(plane(64 * random.integer(1, 2), random.integer(1, 300), 4), random);
    const std::int64_t ideal = layer.data().loops().pairs() / 256;
    for (const char* balance : {"none", "gb_s", "gb_h"}) {
      EXPECT_EQ(run(layer, {{"balance", balance}}).cycles, ideal) << balance;
    }
  }
}

TEST(SparTen, NeverBeatsItsPairs) {
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    LayerSpec s = array::testing::random_spec(random);
    s.kind = array::testing::LayerKind::conv;
    const TestLayer layer(s, random);
    for (const char* balance : {"none", "gb_s", "gb_h"}) {
      const sim::Stats stats = run(layer, {{"balance", balance}});
      EXPECT_GE(stats.cycles * 256, stats.pairs_effectual);
      EXPECT_EQ(stats.pairs_issued, stats.pairs_effectual);
      EXPECT_LE(stats.cycles, run(layer, {{"balance", balance}, {"chunk_cycles", "2"}}).cycles);
    }
  }
}

TEST(SparTen, BalancingHelpsUnequalFilters) {
  Random random(4);
  for (int i = 0; i < 20; ++i) {
    LayerSpec s = plane(128, random.integer(100, 300), 4);
    s.weight_density = 0.1 + 0.5 * random.uniform();
    const TestLayer layer(s, random);  // Dense neurons: pairing by weights is pairing by work.
    const std::int64_t none = run(layer, {{"balance", "none"}}).cycles;
    const std::int64_t software = run(layer, {{"balance", "gb_s"}}).cycles;
    const std::int64_t hardware = run(layer, {{"balance", "gb_h"}}).cycles;
    EXPECT_LT(hardware, none);
    EXPECT_LT(software, none);
  }
}

TEST(SparTen, UnpermutingCostsItsCycles) {
  Random random(5);
  const TestLayer layer(plane(64, 100, 4), random);  // 16 steps, two for each cluster.
  const std::int64_t free = run(layer).cycles;
  EXPECT_EQ(run(layer, {{"unpermute_cycles", "5"}}).cycles, free + 10);
  EXPECT_EQ(run(layer, {{"balance", "none"}, {"unpermute_cycles", "5"}}).cycles, free);
}

TEST(SparTen, OrderRoundTrip) {
  Random random(6);
  for (int i = 0; i < 40; ++i) {
    LayerSpec s = plane(random.integer(1, 150), random.integer(1, 300), 1);
    s.weight_density = random.uniform();
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    for (const char* balance_name : {"none", "gb_s", "gb_h"}) {
      const Config config(make_spec({{"balance", balance_name}}));
      const ChunkFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops),
                               config);
      const array::Segment all{0, 0, loops.outs, 0, loops.ins};
      const array::SegmentBytes size = format.bytes(all);
      std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
      std::vector<std::byte> index(static_cast<std::size_t>(size.index));
      format.encode(all, synapses, index);
      const Order order = decode_order(config, index, loops.outs, loops.ins);
      for (std::int64_t c = 0; c < order.chunks(); ++c) {
        std::vector<bool> seen(static_cast<std::size_t>(loops.outs));
        for (std::int64_t g = 0; g < order.groups(); ++g) {
          for (std::int64_t place = 0; place < order.filters(g); ++place) {
            seen[static_cast<std::size_t>(order.at(g, c, place))] = true;
          }
        }
        EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0) << balance_name;
      }
    }
  }
}

TEST(SparTen, RefusesOddStructures) {
  EXPECT_THROW(make_spec({{"chunk", "100"}}), InputError);
  EXPECT_THROW(make_spec({{"units", "20"}}), InputError);
}

}  // namespace
}  // namespace syncopate::accel::sparten
