#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "accel/spots/config.h"
#include "accel/spots/format.h"
#include "array/testing.h"
#include "base/error.h"
#include "sim/accelerator.h"

namespace syncopate::accel::spots {

extern const sim::Accelerator accelerator;

namespace {

using array::Act;
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

TEST(Spots, DenseOperandsTakeAMatrixProduct) {
  Random random(1);
  for (int i = 0; i < 10; ++i) {
    const std::int64_t outs = 128 * random.integer(1, 3), ins = random.integer(1, 200);
    const TestLayer layer(plane(outs, ins, 8), random);
    EXPECT_EQ(run(layer).cycles, outs / 128 * 8 * ins);
  }
}

TEST(Spots, SplitsForFewFilters) {
  const Config config(make_spec({}));
  EXPECT_EQ(config.height(128), 128);
  EXPECT_EQ(config.height(100), 128);
  EXPECT_EQ(config.height(96), 32);
  EXPECT_EQ(config.height(64), 64);
  EXPECT_EQ(config.height(192), 64);
  EXPECT_EQ(config.height(3), 32);
  Random random(2);
  const TestLayer layer(plane(64, 100, 8), random);
  EXPECT_EQ(run(layer).cycles, 100 * 64 / 16);
  EXPECT_EQ(run(layer, {{"pieces", "1"}}).cycles, 100 * 64 / 8);
}

/// Whether any of the filters, or any of the pixels, has a non-zero at an input.
bool any(const Tensor& tensor, std::int64_t begin, std::int64_t end, std::int64_t ins,
         std::int64_t in) {
  const auto values = tensor.data<std::int16_t>();
  bool found = false;
  for (std::int64_t row = begin; row < end; ++row) {
    found = found || values[static_cast<std::size_t>(row * ins + in)] != 0;
  }
  return found;
}

// The cycles of every step straight from the operands; without splitting.
TEST(Spots, SkipsColumnsAndRowsOfZeros) {
  Random random(3);
  for (int i = 0; i < 30; ++i) {
    LayerSpec s = plane(random.integer(1, 300), random.integer(1, 200), 6);
    s.weight_density = 0.1 * random.uniform();
    s.neuron_density = 0.5 * random.uniform();
    const TestLayer layer(s, random);
    std::int64_t either = 0, both = 0;
    for (std::int64_t out = 0; out < s.outs; out += 128) {
      for (std::int64_t pixel = 0; pixel < 36; pixel += 8) {
        std::int64_t and_kept = 0, or_kept = 0;
        for (std::int64_t in = 0; in < s.ins; ++in) {
          const bool w = any(layer.value("w"), out, std::min(s.outs, out + 128), s.ins, in);
          const bool x =
              any(layer.value("x"), pixel, std::min<std::int64_t>(36, pixel + 8), s.ins, in);
          and_kept += w && x;
          or_kept += w || x;
        }
        either += std::max<std::int64_t>(1, and_kept);
        both += std::max<std::int64_t>(1, or_kept);
      }
    }
    EXPECT_EQ(run(layer, {{"pieces", "1"}}).cycles, either);
    EXPECT_EQ(run(layer, {{"pieces", "1"}, {"skip", "both"}}).cycles, both);
  }
}

TEST(Spots, GroupWisePruningIsSkippedFinePruningIsNot) {
  Random random(4);
  LayerSpec s = plane(256, 160, 8);
  s.weight_density = 0.25;
  s.prune_outs = 128;  // The same positions in all filters of a group.
  const TestLayer group(s, random);
  const sim::Stats skipped = run(group);
  EXPECT_EQ(skipped.pairs_issued, skipped.pairs_effectual);
  EXPECT_LT(skipped.pairs_issued, skipped.pairs_required / 3);
  s.prune_outs = 1;
  s.neuron_density = 0.5;
  const TestLayer fine(s, random);
  const sim::Stats gated = run(fine, {{"pieces", "1"}});
  EXPECT_GT(gated.pairs_issued, gated.pairs_required * 98 / 100);
  // Gating saves the energy of zero neurons at least.
  const auto x = fine.value("x").data<std::int16_t>();
  const std::int64_t zeros = std::count(x.begin(), x.end(), 0);
  EXPECT_EQ(gated.actions[static_cast<std::size_t>(Act::multiply)],
            256 * (static_cast<std::int64_t>(x.size()) - zeros));
}

TEST(Spots, ColumnsRoundTrip) {
  Random random(5);
  for (int i = 0; i < 30; ++i) {
    LayerSpec s = plane(random.integer(1, 300), random.integer(1, 60), 4);
    s.kernel = {1, 2, 2};
    s.weight_density = 0.05 * random.uniform();
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const Config config(make_spec({}));
    const ColumnFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops),
                              config);
    const array::Segment all{0, 0, loops.outs, 0, loops.ins};
    const array::SegmentBytes size = format.bytes(all);
    std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
    std::vector<std::byte> index(static_cast<std::size_t>(size.index));
    format.encode(all, synapses, index);
    const auto expected = layer.data().weights();
    EXPECT_EQ(decode_columns(synapses, index, config.height(loops.outs), loops.outs,
                             loops.kernel_size() * loops.ins),
              std::vector<std::int16_t>(expected.begin(), expected.end()));
    EXPECT_EQ(size.index, ceil_div(ceil_div(loops.outs, config.height(loops.outs)) *
                                       loops.kernel_size() * loops.ins,
                                   8));
  }
}

TEST(Spots, RefusesOddStructures) {
  EXPECT_THROW(make_spec({{"pieces", "3"}}), InputError);
  EXPECT_THROW(make_spec({{"rows", "100"}}), InputError);
}

}  // namespace
}  // namespace syncopate::accel::spots
