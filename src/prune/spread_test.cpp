#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "prune/convergence.h"
#include "prune/imbalance.h"
#include "prune/prune.h"

// How weights are spread: in clusters, over kernels, over lanes.

namespace syncopate::prune {
namespace {

ir::Graph matrix_network(std::int64_t inputs, std::int64_t outputs, std::uint64_t seed) {
  Random random(seed);
  ir::Graph graph;
  graph.source = "test.onnx";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, inputs}, {}})};
  Tensor w(DType::f32, {inputs, outputs});
  for (float& value : w.mutable_data<float>()) value = static_cast<float>(random.normal());
  const ir::ValueId id = graph.add_constant("w", std::move(w));
  graph.outputs = {graph.add_node("fc", ir::MatMul{}, {graph.inputs[0], id}, "y")};
  return graph;
}

TEST(Convergence, CountsTheLargerWeightsOfEveryWindow) {
  Random random(3);
  for (int n = 0; n < 50; ++n) {
    const std::int64_t rows = random.integer(1, 20), columns = random.integer(1, 20);
    ConvergenceOptions options;
    options.window = random.integer(1, 5);
    options.top = 0.05 + 0.9 * random.uniform();
    std::vector<float> values(static_cast<std::size_t>(rows * columns));
    for (float& value : values) value = static_cast<float>(random.integer(-4, 4));  // with ties
    const WindowCounts counts = window_counts(values, rows, columns, options);
    if (rows < options.window || columns < options.window) {
      EXPECT_TRUE(counts.empty());
      continue;
    }
    // By the definition: the larger are the first of a stable order.
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(values[a]) > std::abs(values[b]);
    });
    const auto large =
        std::max<std::int64_t>(1, std::llround(options.top * static_cast<double>(values.size())));
    std::vector<int> marked(values.size(), 0);
    for (std::int64_t i = 0; i < large; ++i) marked[order[static_cast<std::size_t>(i)]] = 1;
    std::vector<double> expected(static_cast<std::size_t>(options.window * options.window) + 1, 0);
    double windows = 0;
    for (std::int64_t r = 0; r + options.window <= rows; ++r) {
      for (std::int64_t c = 0; c + options.window <= columns; ++c) {
        std::size_t count = 0;
        for (std::int64_t y = r; y < r + options.window; ++y) {
          for (std::int64_t x = c; x < c + options.window; ++x) {
            count += marked[static_cast<std::size_t>(y * columns + x)] != 0 ? 1 : 0;
          }
        }
        ++windows;
        for (std::size_t t = 0; t <= count; ++t) ++expected[t];
      }
    }
    ASSERT_EQ(counts.size(), expected.size());
    for (std::size_t t = 0; t < counts.size(); ++t) {
      EXPECT_DOUBLE_EQ(counts[t], expected[t] / windows);
    }
  }
}

TEST(Convergence, ClustersStandOutFromTheSameWeightsInRandomOrder) {
  ir::Graph graph = matrix_network(200, 200, 4);
  const ir::Graph initial = graph;
  // Noise alone: no more clusters than in random order.
  const LayerConvergence noise = local_convergence(graph, nullptr).at(0);
  EXPECT_NEAR(noise.weights[4], noise.permuted[4], 0.01);
  EXPECT_TRUE(noise.initial.empty());
  EXPECT_NEAR(noise.permuted[4], 0.0684, 0.01);  // 1 - binomial(16, 0.1) up to 3
  // Ten by ten clusters of larger weights.
  Random random(5);
  auto values = graph.value(graph.find("w")).constant->mutable_data<float>();
  for (int n = 0; n < 30; ++n) {
    const std::int64_t row = random.integer(0, 190), column = random.integer(0, 190);
    for (std::int64_t i = 0; i < 100; ++i) {
      values[static_cast<std::size_t>((row + i / 10) * 200 + column + i % 10)] *= 5;
    }
  }
  const LayerConvergence trained = local_convergence(graph, &initial).at(0);
  EXPECT_GT(trained.weights[4], 1.5 * trained.permuted[4]);
  EXPECT_NEAR(trained.initial[4], noise.weights[4], 1e-12);
  EXPECT_EQ(trained.weights[0], 1);
}

TEST(Convergence, RefusesAnotherNetworkAsTheInitialOne) {
  const ir::Graph graph = matrix_network(20, 20, 4), wide = matrix_network(20, 21, 4);
  EXPECT_THROW(local_convergence(graph, &wide), InputError);
  ir::Graph other = graph;
  other.nodes[0].name = "head";
  EXPECT_THROW(local_convergence(graph, &other), InputError);
}

TEST(Imbalance, IsOneForBalancedAndCountsTheFullest) {
  ir::Graph graph = matrix_network(64, 64, 9);
  prune(graph, {.method = Method::balanced, .density = 0.25});
  const LayerImbalance even = imbalance(graph).at(0);
  EXPECT_EQ(even.kernels, 128);
  EXPECT_EQ(even.kernel, 1);
  EXPECT_EQ(even.output, 1);
  EXPECT_EQ(even.lanes, (std::vector<double>{1, 1}));
  // One output with everything, three with one weight: 4 lanes wait for the first.
  auto values = graph.value(graph.find("w")).constant->mutable_data<float>();
  for (std::size_t i = 0; i < 64; ++i) {
    for (std::size_t o = 0; o < 64; ++o) {
      values[i * 64 + o] = o == 0 || (o < 4 && i == 0) ? 1.0F : 0.0F;
    }
  }
  const LayerImbalance uneven = imbalance(graph, {4, 64}).at(0);
  EXPECT_DOUBLE_EQ(uneven.kernel, 32.0 * 128 / 67);
  EXPECT_DOUBLE_EQ(uneven.output, 64.0 * 64 / 67);
  EXPECT_DOUBLE_EQ(uneven.lanes[0], 4 * 64.0 / 67);
  EXPECT_DOUBLE_EQ(uneven.lanes[1], 64 * 64.0 / 67);
}

}  // namespace
}  // namespace syncopate::prune
