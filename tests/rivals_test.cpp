// What every registered accelerator must hold for comparisons between them to mean anything: all
// see the same work, dense operands leave nothing to skip, and none is faster than an array without
// overheads that skips what it skips.
#include <gtest/gtest.h>

#include <map>

#include "accel/registry.h"
#include "array/testing.h"
#include "base/error.h"
#include "base/test_scale_for_tests.h"

namespace syncopate {
namespace {

using array::testing::LayerKind;
using array::testing::LayerSpec;
using array::testing::TestLayer;

/// A layer's counts on one machine as published, without pipeline fill and memory.
struct Outcome {
  sim::Stats stats;
  std::int64_t multipliers = 0;
  std::int64_t cycles = 0;
  std::int64_t slots() const { return cycles * multipliers; }
};

Outcome run(const sim::Accelerator& accelerator, const TestLayer& layer) {
  const arch::Spec spec = accelerator.spec({});
  const sim::Program program = accelerator.compile(layer.chain(), spec);
  const auto machine = accelerator.machine(spec);
  Outcome outcome;
  outcome.stats = machine->open(program, 0, layer.data())->count({});
  outcome.multipliers = spec.multipliers();
  outcome.cycles = outcome.stats.cycles - outcome.stats[sim::Cause::fill] / outcome.multipliers;
  return outcome;
}

/// Pairs of a convolution by what is zero in them.
struct Pairs {
  std::int64_t all = 0;
  std::int64_t with_weight = 0;  ///< Whose weight is not zero, padding included.
  std::int64_t with_neuron = 0;  ///< Whose neuron is not zero.
  std::int64_t with_both = 0;
};

std::int64_t bits(std::span<const std::uint64_t> row, std::int64_t begin, std::int64_t end) {
  std::int64_t found = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    found += static_cast<std::int64_t>(row[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1);
  }
  return found;
}

/// Of the neurons, from the definition of the loops.
std::int64_t pairs_with_neuron(const sim::LayerData& data) {
  const map::Loops& l = data.loops();
  std::int64_t total = 0;
  for (std::int64_t b = 0; b < l.batch; ++b) {
    for (std::int64_t i = 0; i < l.pixels() * l.kernel_size(); ++i) {
      const std::int64_t pixel = i / l.kernel_size(), k = i % l.kernel_size();
      const std::array<std::int64_t, 3> o = {pixel / l.out[2] / l.out[1],
                                             pixel / l.out[2] % l.out[1], pixel % l.out[2]};
      const std::array<std::int64_t, 3> kk = {k / l.kernel[2] / l.kernel[1],
                                              k / l.kernel[2] % l.kernel[1], k % l.kernel[2]};
      std::int64_t row = b;
      bool inside = true;
      for (std::size_t d = 0; d < 3; ++d) {
        const std::int64_t at = o[d] * l.stride[d] + kk[d] * l.dilation[d] - l.pad[d];
        inside = inside && at >= 0 && at < l.in[d];
        row = row * l.in[d] + at;
      }
      if (inside) total += bits(data.input_bits().row(row), 0, l.groups * l.ins) * l.outs;
    }
  }
  return total;
}

Pairs pairs_of(const sim::LayerData& data) {
  const map::Loops& l = data.loops();
  Pairs pairs;
  pairs.all = l.pairs();
  for (std::int64_t r = 0; r < l.groups * l.outs * l.kernel_size(); ++r) {
    pairs.with_weight += bits(data.weight_bits().row(r), 0, l.ins) * l.batch * l.pixels();
  }
  pairs.with_neuron = pairs_with_neuron(data);
  pairs.with_both = data.effectual_pairs();
  return pairs;
}

/// A random convolution.
LayerSpec random_convolution(Random& random) {
  for (;;) {
    LayerSpec s = array::testing::random_spec(random);
    if (s.kind == LayerKind::conv && s.groups * s.outs * s.ins > 1) return s;
  }
}

class Rivals : public ::testing::TestWithParam<const sim::Accelerator*> {};

/// What a machine skips, found out by giving it zeros on one side.
struct Skips {
  bool weights = false, neurons = false;
};

Skips skips_of(const sim::Accelerator& accelerator) {
  Random random(11);
  LayerSpec s;
  s.outs = 64;
  s.ins = 512;
  s.in = {1, 4, 4};
  s.kernel = {1, 3, 3};
  s.weight_density = 0.1;
  s.prune_outs = 16;
  const sim::Stats weights = run(accelerator, TestLayer(s, random)).stats;
  std::swap(s.weight_density, s.neuron_density);
  const sim::Stats neurons = run(accelerator, TestLayer(s, random)).stats;
  return {weights.pairs_issued < weights.pairs_required,
          neurons.pairs_issued < neurons.pairs_required};
}

TEST_P(Rivals, NoneBeatsItsIdeal) {
  const sim::Accelerator& accelerator = *GetParam();
  const Skips skips = skips_of(accelerator);
  Random random(12);
  for (int i = 0; i < scaled(150); ++i) {
    const TestLayer layer(random_convolution(random), random);
    const Pairs pairs = pairs_of(layer.data());
    const Outcome outcome = run(accelerator, layer);
    const sim::Stats& stats = outcome.stats;
    // The same work for all.
    ASSERT_EQ(stats.pairs_required, pairs.all);
    ASSERT_EQ(stats.pairs_effectual, pairs.with_both);
    // What cannot be skipped must be done, a pair per multiplier and cycle at most.
    std::int64_t least = pairs.with_both;
    if (!skips.neurons) least = pairs.with_weight;
    if (!skips.weights) least = pairs.with_neuron;
    if (!skips.weights && !skips.neurons) least = pairs.all;
    ASSERT_GE(stats.pairs_issued, least);
    ASSERT_GE(outcome.slots(), stats.pairs_issued);
  }
}

TEST_P(Rivals, DenseOperandsLeaveNothingToSkip) {
  const sim::Accelerator& accelerator = *GetParam();
  Random random(13);
  for (int i = 0; i < scaled(60); ++i) {
    LayerSpec s = random_convolution(random);
    s.pad = s.pad_after = {0, 0, 0};
    s.weight_density = s.neuron_density = 1;
    s.zero_channels = 0;
    if (!s.possible()) continue;
    const Outcome one = run(accelerator, TestLayer(s, random));
    ASSERT_EQ(one.stats.pairs_issued, one.stats.pairs_required);
    ASSERT_EQ(one.stats.pairs_effectual, one.stats.pairs_required);
    ASSERT_EQ(one.stats[sim::Cause::bubble], 0);
    // Dense is dense: values do not matter.
    const Outcome other = run(accelerator, TestLayer(s, random));
    ASSERT_EQ(one.cycles, other.cycles);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Rivals, ::testing::ValuesIn(accel::all().begin(), accel::all().end()),
                         [](const auto& at) { return std::string(at.param->name); });

// The test above is as good as this.
TEST(Rivals, WhatTheySkipIsFoundOut) {
  const std::map<std::string_view, Skips> known = {{"diannao", {false, false}},
                                                   {"cambricon_x", {true, false}},
                                                   {"cnvlutin", {false, true}},
                                                   {"cambricon_s", {true, true}}};
  std::size_t found = 0;
  for (const sim::Accelerator* accelerator : accel::all()) {
    const auto at = known.find(accelerator->name);
    if (at == known.end()) continue;
    ++found;
    EXPECT_EQ(skips_of(*accelerator).weights, at->second.weights) << accelerator->name;
    EXPECT_EQ(skips_of(*accelerator).neurons, at->second.neurons) << accelerator->name;
  }
  EXPECT_EQ(found, known.size());
}

// Arrays of 16 outputs by 16 inputs differ in what they skip. Without zeros, and where 16 divides
// everything, they are the same machine.
TEST(Rivals, ArraysOfOneShapeAgreeOnDenseLayers) {
  Random random(14);
  LayerSpec s;
  s.outs = 48;
  s.ins = 256;
  s.in = {1, 5, 6};
  s.kernel = {1, 3, 2};
  const TestLayer layer(s, random);
  int compared = 0;
  for (const sim::Accelerator* accelerator : accel::all()) {
    const std::string_view name = accelerator->name;
    if (name != "diannao" && name != "cambricon_x" && name != "cambricon_s" && name != "cnvlutin") {
      continue;
    }
    const Outcome outcome = run(*accelerator, layer);
    EXPECT_EQ(outcome.multipliers, 256) << name;
    EXPECT_EQ(outcome.slots(), layer.data().loops().pairs()) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

}  // namespace
}  // namespace syncopate
