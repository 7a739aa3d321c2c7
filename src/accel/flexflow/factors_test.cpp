#include "accel/flexflow/factors.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace syncopate::accel::flexflow {
namespace {

/// A layer of a workload as the paper writes it: M@SxS, K x K, N inputs.
Layer layer(std::int64_t outs, std::int64_t ins, std::int64_t size, std::int64_t kernel,
            int producer) {
  Layer l;
  l.outs = outs;
  l.ins = ins;
  l.rows = l.cols = size;
  l.kernel_rows = l.kernel_cols = kernel;
  l.producer = producer;
  return l;
}

struct PaperLayer {
  std::int64_t outs, ins, size, kernel;
};

std::vector<Layer> chain(const std::vector<PaperLayer>& shapes) {
  std::vector<Layer> layers;
  for (const PaperLayer& s : shapes) {
    layers.push_back(layer(s.outs, s.ins, s.size, s.kernel, static_cast<int>(layers.size()) - 1));
  }
  return layers;
}

// Workloads of the paper's evaluation [recalled, med].
const std::vector<Layer> kPv =
    chain({{8, 1, 45, 6}, {12, 8, 20, 3}, {16, 12, 8, 3}, {10, 16, 6, 3}, {6, 10, 4, 3}});
const std::vector<Layer> kFr = chain({{4, 1, 28, 5}, {16, 4, 10, 4}});
const std::vector<Layer> kLeNet = chain({{6, 1, 28, 5}, {16, 6, 10, 5}});
const std::vector<Layer> kHg = chain({{6, 1, 24, 5}, {12, 6, 8, 4}});
const std::vector<Layer> kAlexNet = chain(
    {{48, 3, 55, 11}, {128, 48, 27, 5}, {192, 256, 13, 3}, {192, 192, 13, 3}, {128, 192, 13, 3}});
const std::vector<Layer> kVgg = chain({{64, 3, 224, 3},
                                       {128, 64, 112, 3},
                                       {256, 128, 56, 3},
                                       {256, 256, 56, 3},
                                       {512, 256, 28, 3},
                                       {512, 512, 28, 3},
                                       {512, 512, 14, 3},
                                       {512, 512, 14, 3}});

std::int64_t total(const std::vector<Layer>& layers, const ChooserOptions& options) {
  const std::vector<Factors> factors = choose_factors(layers, options);
  std::int64_t cycles = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    EXPECT_TRUE(feasible(layers[i], factors[i], options.array));
    cycles += options.packed ? packed_cycles(layers[i], factors[i].out, options.array)
                             : dense_cycles(layers[i], factors[i]);
  }
  return cycles;
}

ChooserOptions with(bool chained, bool packed) {
  ChooserOptions options;
  options.chained = chained;
  options.packed = packed;
  return options;
}

double utilization(const std::vector<Layer>& layers, std::int64_t cycles, std::int64_t array = 16) {
  double macs = 0;
  for (const Layer& l : layers) macs += static_cast<double>(l.macs());
  return 100 * macs / static_cast<double>(cycles * array * array);
}

// Section 4.2: MACs, chained, free, packed-row bound, and utilizations in percent.
TEST(Factors, ReproducesTheUtilizationTable) {
  struct Row {
    const std::vector<Layer>& net;
    std::int64_t macs, chained, free, packed;
    double chained_percent, free_percent, packed_percent;
  };
  const Row rows[] = {{kPv, 1'099'872, 5'925, 5'733, 5'305, 72.5, 74.9, 81.0},
                      {kFr, 180'800, 792, 792, 792, 89.2, 89.2, 89.2},
                      {kLeNet, 357'600, 1'672, 1'588, 1'588, 83.5, 88.0, 88.0},
                      {kHg, 160'128, 720, 720, 720, 86.9, 86.9, 86.9},
                      {kAlexNet, 332'892'432, 1'339'497, 1'339'497, 1'303'197, 97.1, 97.1, 99.8},
                      {kVgg, 7'485'456'384, 29'503'488, 29'503'488, 29'302'784, 99.1, 99.1, 99.8}};
  for (const Row& row : rows) {
    std::int64_t macs = 0;
    for (const Layer& l : row.net) macs += l.macs();
    EXPECT_EQ(macs, row.macs);
    EXPECT_EQ(total(row.net, with(true, false)), row.chained);
    EXPECT_EQ(total(row.net, with(false, false)), row.free);
    EXPECT_EQ(total(row.net, with(false, true)), row.packed);
    EXPECT_NEAR(utilization(row.net, row.chained), row.chained_percent, 0.051);
    EXPECT_NEAR(utilization(row.net, row.free), row.free_percent, 0.051);
    EXPECT_NEAR(utilization(row.net, row.packed), row.packed_percent, 0.051);
  }
}

// Table 4 of the paper, in its order Tm, Tn, Tr, Tc, Ti, Tj: the rows listed as matching.
TEST(Factors, ReturnsTable4) {
  const auto chosen = [](const std::vector<Layer>& net, std::size_t i) {
    return to_text(choose_factors(net, {})[i]);
  };
  EXPECT_EQ(chosen(kFr, 0), "<4,1,1,4,3,5>");  // Printed Tj = 15, a misprint.
  EXPECT_EQ(chosen(kFr, 1), "<16,4,1,1,1,4>");
  EXPECT_EQ(chosen(kLeNet, 0), "<3,1,1,5,3,5>");
  EXPECT_EQ(chosen(kLeNet, 1), "<16,3,1,1,1,5>");
  EXPECT_EQ(chosen(kPv, 0), "<8,1,1,2,2,6>");
  EXPECT_EQ(chosen(kHg, 1), "<4,2,1,4,2,4>");
  // Known exceptions: HG C1 printed <3,1,1,5,3,5>, PV C3 printed <3,8,1,5,1,2>.
  EXPECT_EQ(chosen(kHg, 0), "<2,1,2,4,3,5>");
  EXPECT_EQ(dense_cycles(kPv[1], {{3, 1, 5}, {8, 1, 2}}), 320 * 6);
  EXPECT_LT(dense_cycles(kPv[1], choose_factors(kPv, {})[1]), 320 * 6);
}

// Table 4 with the utilizations that Eqs. 1-3 give it (section 3.4).
TEST(Factors, PublishedFactorsHaveTheirUtilizations) {
  const auto percent = [](const Layer& l, const Factors& f) {
    return utilization({l}, dense_cycles(l, f));
  };
  EXPECT_NEAR(percent(kPv[0], {{8, 1, 2}, {1, 2, 6}}), 73.4, 0.051);
  EXPECT_NEAR(percent(kPv[1], {{3, 1, 5}, {8, 1, 2}}), 70.3, 0.051);
  EXPECT_NEAR(percent(kFr[0], {{4, 1, 4}, {1, 3, 5}}), 78.1, 0.051);
  EXPECT_NEAR(percent(kLeNet[0], {{3, 1, 5}, {1, 3, 5}}), 68.4, 0.051);
  EXPECT_NEAR(percent(kLeNet[1], {{16, 1, 1}, {3, 1, 5}}), 93.8, 0.051);
  EXPECT_NEAR(percent(kHg[0], {{3, 1, 5}, {1, 3, 5}}), 70.3, 0.051);
  EXPECT_NEAR(percent(kHg[1], {{4, 1, 4}, {2, 2, 4}}), 100, 0.051);
}

/// A small network with random shapes and branches.
std::vector<Layer> random_network(Random& random) {
  std::vector<Layer> layers;
  const std::int64_t count = random.integer(1, 3);
  for (std::int64_t i = 0; i < count; ++i) {
    layers.push_back(layer(random.integer(1, 5), random.integer(1, 5), random.integer(1, 5),
                           random.integer(1, 3), static_cast<int>(random.integer(-1, i - 1))));
    layers.back().cols = random.integer(1, 5);
  }
  return layers;
}

std::vector<Factors> all_factors(const Layer& l, std::int64_t array) {
  std::vector<Factors> result;
  Factors f;
  for (f.out.maps = 1; f.out.maps <= l.outs; ++f.out.maps)
    for (f.out.rows = 1; f.out.rows <= l.rows; ++f.out.rows)
      for (f.out.cols = 1; f.out.cols <= l.cols; ++f.out.cols)
        for (f.in.maps = 1; f.in.maps <= l.ins; ++f.in.maps)
          for (f.in.rows = 1; f.in.rows <= l.kernel_rows; ++f.in.rows)
            for (f.in.cols = 1; f.in.cols <= l.kernel_cols; ++f.in.cols)
              if (feasible(l, f, array)) result.push_back(f);
  return result;
}

/// The least cycles of all choices that obey the chaining rule, by trying every one.
std::int64_t exhaustive(const std::vector<Layer>& layers, std::size_t i,
                        std::vector<Factors>& chosen, std::int64_t array) {
  if (i == layers.size()) return 0;
  std::int64_t best = std::int64_t{1} << 60;
  for (const Factors& f : all_factors(layers[i], array)) {
    const int producer = layers[i].producer;
    if (producer >= 0 && !(chosen[static_cast<std::size_t>(producer)].out == f.in)) continue;
    chosen[i] = f;
    best = std::min(best, dense_cycles(layers[i], f) + exhaustive(layers, i + 1, chosen, array));
  }
  return best;
}

TEST(Factors, DynamicProgrammingFindsTheBestOfAllChoices) {
  Random random(1);
  for (int i = 0; i < 40; ++i) {
    const std::vector<Layer> net = random_network(random);
    ChooserOptions options;
    options.array = random.integer(2, 4);
    std::vector<Factors> scratch(net.size());
    EXPECT_EQ(total(net, options), exhaustive(net, 0, scratch, options.array));
    const std::vector<Factors> chosen = choose_factors(net, options);
    for (std::size_t l = 0; l < net.size(); ++l) {
      if (net[l].producer < 0) continue;
      EXPECT_EQ(chosen[static_cast<std::size_t>(net[l].producer)].out, chosen[l].in);
    }
    options.chained = false;
    EXPECT_LE(total(net, options), exhaustive(net, 0, scratch, options.array));
  }
}

TEST(Factors, ObjectivesWeighWorkAndMovement) {
  const auto chosen = [](Objective objective) {
    ChooserOptions options;
    options.objective = objective;
    return choose_factors(kLeNet, options);
  };
  const auto cycles = [](const std::vector<Factors>& f) {
    return dense_cycles(kLeNet[0], f[0]) + dense_cycles(kLeNet[1], f[1]);
  };
  const auto fast = chosen(Objective::cycles), frugal = chosen(Objective::energy);
  EXPECT_EQ(frugal[0].out.maps, 6);  // Neurons are read once for all outputs.
  EXPECT_GT(cycles(frugal), cycles(fast));
  EXPECT_LE(cycles(chosen(Objective::edp)), cycles(frugal));
}

TEST(Factors, EffectualWorkMovesTheChoice) {
  std::vector<Layer> net = {layer(16, 16, 8, 1, -1)};
  EXPECT_EQ(choose_factors(net, {})[0].in.maps, 16);
  // All non-zero weights in one input: columns do not help.
  net[0].window_cycles = [](const Side& in) { return in.maps == 1 ? 1.0 : 2.0; };
  EXPECT_EQ(choose_factors(net, {})[0].in.maps, 1);
}

}  // namespace
}  // namespace syncopate::accel::flexflow
