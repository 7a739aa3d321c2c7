#include <gtest/gtest.h>

#include <map>
#include <set>

#include "accel/fesa/config.h"
#include "accel/fesa/format.h"
#include "array/testing.h"
#include "base/error.h"
#include "sim/accelerator.h"

namespace syncopate::accel::fesa {

extern const sim::Accelerator accelerator;

namespace {

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

LayerSpec square(std::int64_t outs, std::int64_t ins, std::int64_t side, std::int64_t kernel) {
  LayerSpec s;
  s.outs = outs;
  s.ins = ins;
  s.in = {1, side + kernel - 1, side + kernel - 1};
  s.kernel = {1, kernel, kernel};
  return s;
}

/// Weights of [out][in] kernels in the order [out][in][position], which every kernel takes one of
/// the masks for.
sim::Weights patterned(std::int64_t outs, std::int64_t ins, std::int64_t kernel,
                       const std::vector<std::uint64_t>& masks, Random& random) {
  map::Loops loops;
  loops.outs = outs;
  loops.ins = ins;
  loops.kernel = {1, 1, kernel};
  loops.weights = true;
  std::vector<std::int16_t> values;
  for (std::int64_t n = 0; n < outs * ins; ++n) {
    const std::int64_t last = static_cast<std::int64_t>(masks.size()) - 1;
    const std::uint64_t mask = masks[static_cast<std::size_t>(random.integer(0, last))];
    for (std::int64_t k = 0; k < kernel; ++k) {
      values.push_back((mask >> k & 1) != 0 ? static_cast<std::int16_t>(random.integer(1, 99))
                                            : std::int16_t{0});
    }
  }
  map::KernelStrides strides;
  strides.out = ins * kernel;
  strides.in = kernel;
  strides.kernel = {0, 0, 1};
  return sim::Weights(Tensor::from<std::int16_t>({outs * ins * kernel}, values), strides, loops);
}

TEST(Fesa, PrunedKernelsTakeTheirPatterns) {
  Random random(1);
  const std::vector<std::uint64_t> masks = {0b000011011, 0b110110000, 0b010111000};
  const sim::Weights weights = patterned(40, 30, 9, masks, random);
  const Patterns patterns(weights, 7);
  ASSERT_EQ(patterns.all().size(), masks.size());
  std::set<std::uint64_t> found;
  for (const Pattern& pattern : patterns.all()) found.insert(pattern[0]);
  EXPECT_EQ(found, std::set<std::uint64_t>(masks.begin(), masks.end()));
  for (std::int64_t p = 0; p < 3; ++p) EXPECT_EQ(patterns.size(p), 4);
}

TEST(Fesa, OtherKernelsTakeTheSmallestPatternThatHoldsThem) {
  Random random(2);
  for (const std::int64_t kernel : {9, 25}) {
    std::vector<std::uint64_t> masks;
    for (int i = 0; i < 40; ++i)
      masks.push_back(random.bits() & random.bits() & ((1 << kernel) - 1));
    masks.insert(masks.end(), 100, 0b101);  // Two are frequent,
    masks.insert(masks.end(), 100, 0b111);  // one within the other.
    const sim::Weights weights = patterned(50, 20, kernel, masks, random);
    const Patterns patterns(weights, 4);
    EXPECT_EQ(patterns.all().size(), 4);
    std::vector<std::int16_t> value(1);
    std::int64_t fives = 0;
    for (std::int64_t out = 0; out < 50; ++out) {
      for (std::int64_t in = 0; in < 20; ++in) {
        const Pattern& chosen = patterns.all()[static_cast<std::size_t>(patterns.of(out, in))];
        Pattern mask(1);
        for (std::int64_t k = 0; k < kernel; ++k) {
          weights.read(out, k, in, value);
          mask[0] |= std::uint64_t{value[0] != 0} << k;
        }
        std::int64_t least = kernel;
        for (const Pattern& pattern : patterns.all()) {
          if ((mask[0] & ~pattern[0]) == 0) least = std::min(least, size_of(pattern));
        }
        EXPECT_EQ(mask[0] & ~chosen[0], 0U);
        EXPECT_EQ(size_of(chosen), least);
        fives += chosen[0] == 0b101;
      }
    }
    EXPECT_GT(fives, 200);
  }
}

// S^2 q per input map and group of output maps: every kernel keeps q of 9, neurons are dense.
TEST(Fesa, KernelsOfOneSizeTakeItsTime) {
  Random random(3);
  LayerSpec s = square(64, 20, 8, 3);
  s.prune_outs = 64;
  s.prune_ins = 20;  // One mask for all kernels.
  s.weight_density = 0.5;
  for (int i = 0; i < 10; ++i) {
    const TestLayer layer(s, random);
    std::int64_t q = 0;
    for (std::int64_t k = 0; k < 9; ++k)
      q += layer.data().weights()[static_cast<std::size_t>(k * 20)] != 0;
    if (q == 0) continue;
    const sim::Stats stats = run(layer);
    EXPECT_EQ(stats.cycles, 64 / 32 * 64 / 32 * 20 * q);
    EXPECT_EQ(stats[sim::Cause::work], stats.cycles * 1024);
    EXPECT_EQ(stats.synapse_read_bytes, 64 * 20 * q * 2 + 2);  // With the table.
  }
}

TEST(Fesa, AllWaitForTheLargestPattern) {
  Random random(4);
  LayerSpec s = square(32, 10, 8, 3);
  s.weight_density = 0.4;
  const TestLayer layer(s, random);
  const sim::Stats stats = run(layer, {{"patterns", "2"}});
  // With so many masks one kernel of 32 is always whole.
  EXPECT_EQ(stats.cycles, 64 / 32 * 10 * 9);
  EXPECT_LE(run(layer).cycles, stats.cycles);
}

TEST(Fesa, FullyConnectedLayersFillTheRows) {
  Random random(5);
  LayerSpec s = square(64, 320, 1, 1);
  s.weight_density = 0.2;
  const TestLayer layer(s, random);
  EXPECT_EQ(run(layer).cycles, 320 / 32 * 64 / 32);  // Nothing is skipped.
}

TEST(Fesa, KernelsRoundTrip) {
  Random random(6);
  for (int i = 0; i < 40; ++i) {
    LayerSpec s = square(random.integer(1, 60), random.integer(1, 40), 4, random.integer(1, 5));
    s.weight_density = random.uniform();
    const TestLayer layer(s, random);
    const map::Loops& loops = layer.data().loops();
    const Config config(make_spec({}));
    const PatternFormat format(sim::weights_of(layer.chain(), layer.chain().gconvs[0], loops),
                               config);
    const array::Segment all{0, 0, loops.outs, 0, loops.ins};
    const array::SegmentBytes size = format.bytes(all);
    std::vector<std::byte> synapses(static_cast<std::size_t>(size.synapses));
    std::vector<std::byte> index(static_cast<std::size_t>(size.index));
    format.encode(all, synapses, index);
    const std::vector<std::byte> table = format.table();
    const std::int64_t kernel = loops.kernel_size();
    const auto patterns = static_cast<std::int64_t>(table.size()) / ((kernel + 7) / 8);
    const Kernels decoded =
        decode_kernels(synapses, index, table, patterns, loops.outs * loops.ins, kernel);
    std::vector<std::int16_t> weights(layer.data().weights().size());
    for (std::size_t n = 0; n < decoded.ids.size(); ++n) {
      const auto number = static_cast<std::int64_t>(n);
      std::size_t next = 0;
      for (std::int64_t k = 0; k < kernel; ++k) {
        if (!has(decoded.patterns[static_cast<std::size_t>(decoded.ids[n])], k)) continue;
        weights[static_cast<std::size_t>((number / loops.ins * kernel + k) * loops.ins +
                                         number % loops.ins)] = decoded.values[n][next++];
      }
    }
    const auto expected = layer.data().weights();
    EXPECT_EQ(weights, std::vector<std::int16_t>(expected.begin(), expected.end()));
  }
}

TEST(Fesa, RefusesOddStructures) { EXPECT_THROW(make_spec({{"columns", "20"}}), InputError); }

}  // namespace
}  // namespace syncopate::accel::fesa
