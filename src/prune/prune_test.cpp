#include "prune/prune.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::prune {
namespace {

Tensor random_tensor(Shape shape, std::uint64_t seed) {
  Random random(seed);
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

ir::Graph conv_network(Shape weights, std::int64_t groups) {
  ir::Graph graph;
  graph.source = "test.onnx";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, weights[1] * groups, 8, 8}, {}})};
  ir::Conv conv;
  conv.group = groups;
  conv.window = {{weights[2], weights[3]}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const ir::ValueId w = graph.add_constant("w", random_tensor(weights, 3));
  graph.outputs = {graph.add_node("conv", conv, {graph.inputs[0], w}, "y")};
  return graph;
}

TEST(Prune, CoarseLeavesOnlyWholeBlocksOfSixteenOutputs) {
  ir::Graph graph = conv_network({32, 5, 3, 3}, 1);
  const auto reports = prune(graph, {.density = 0.3});
  ASSERT_EQ(reports.size(), 1U);
  const auto w = graph.value(graph.find("w")).constant->data<float>();
  std::int64_t kept = 0;
  for (std::size_t block = 0; block < 2; ++block) {
    for (std::size_t position = 0; position < 45; ++position) {
      std::int64_t nonzero = 0;
      for (std::size_t o = 0; o < 16; ++o) nonzero += w[(block * 16 + o) * 45 + position] != 0;
      EXPECT_TRUE(nonzero == 0 || nonzero == 16);
      kept += nonzero;
    }
  }
  EXPECT_EQ(kept, 27 * 16);  // 0.3 of 90 blocks
  EXPECT_EQ(reports[0].kept, kept);
}

TEST(Prune, MagnitudeKeepsTheLargest) {
  ir::Graph graph = conv_network({4, 3, 3, 3}, 1);
  const Tensor before = *graph.value(graph.find("w")).constant;
  prune(graph, {.method = Method::magnitude, .density = 0.25});
  const auto old_values = before.data<float>();
  const auto new_values = graph.value(graph.find("w")).constant->data<float>();
  float smallest_kept = 1e9F, largest_dropped = 0;
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < old_values.size(); ++i) {
    if (new_values[i] != 0) {
      EXPECT_EQ(new_values[i], old_values[i]);
      smallest_kept = std::min(smallest_kept, std::abs(old_values[i]));
      ++kept;
    } else {
      largest_dropped = std::max(largest_dropped, std::abs(old_values[i]));
    }
  }
  EXPECT_EQ(kept, 27);
  EXPECT_GE(smallest_kept, largest_dropped);
}

TEST(Prune, EdgeBlocksAreJudgedByTheirRealElements) {
  // 17 outputs: the second block holds one output. Its average must not be diluted by absent
  // outputs.
  ir::Graph graph = conv_network({17, 1, 1, 1}, 1);
  auto w = graph.value(graph.find("w")).constant->mutable_data<float>();
  std::fill(w.begin(), w.end(), 1.0F);
  w[16] = 2.0F;
  prune(graph, {.density = 0.5});
  const auto after = graph.value(graph.find("w")).constant->data<float>();
  EXPECT_EQ(after[16], 2.0F);
  EXPECT_EQ(after[0], 0.0F);
}

TEST(Prune, BlocksStayInsideTheirGroup) {
  ir::Graph graph = conv_network({32, 2, 1, 1}, 2);
  auto w = graph.value(graph.find("w")).constant->mutable_data<float>();
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = i < 32 ? 2.0F : 1.0F;
  prune(graph, {.density = 0.5});
  const auto after = graph.value(graph.find("w")).constant->data<float>();
  EXPECT_EQ(after[0], 2.0F);
  EXPECT_EQ(after[63], 0.0F);
}

TEST(Prune, LeavesDepthwiseAndKeptLayersAlone) {
  ir::Graph depthwise = conv_network({4, 1, 3, 3}, 4);
  EXPECT_THROW(prune(depthwise, {}), InputError);
  ir::Graph graph = conv_network({16, 4, 3, 3}, 1);
  EXPECT_THROW(prune(graph, {.keep = {"conv"}}), InputError);
}

TEST(PruneErrors, NameTheMistake) {
  ir::Graph graph = conv_network({16, 4, 3, 3}, 1);
  const auto message = [&](const Options& options) -> std::string {
    try {
      prune(graph, options);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({.density = 0}),
            "prune: density is 0; expected a fraction above 0 and at most 1");
  EXPECT_EQ(message({.keep = {"conv1"}}), "prune: no node is named 'conv1'; did you mean 'conv'?");
}

}  // namespace
}  // namespace syncopate::prune
