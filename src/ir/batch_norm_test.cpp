#include "ir/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

namespace syncopate::ir {
namespace {

Tensor vector_of(std::initializer_list<float> values) {
  Tensor tensor(DType::f32, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.mutable_data<float>().begin());
  return tensor;
}

/// What channel `c` of `node` makes of `x`.
double value_of(const Graph& graph, const Node& node, std::size_t c, double x) {
  const auto parameter = [&](std::size_t input) {
    return static_cast<double>(graph.value(node.inputs[input]).constant->data<float>()[c]);
  };
  const double epsilon = std::get<BatchNormalization>(node.op).epsilon;
  return parameter(1) * (x - parameter(3)) / std::sqrt(parameter(4) + epsilon) + parameter(2);
}

TEST(BatchNorm, MergedNormalizationsComputeTheSame) {
  Graph graph;
  const ValueId x = graph.add_value({"x", DType::f32, {1, 2, 4, 4}, {}});
  graph.inputs = {x};
  const ValueId scale = graph.add_constant("s", vector_of({2, -0.5}));
  const ValueId bias = graph.add_constant("b", vector_of({0.25, 1}));
  const ValueId mean = graph.add_constant("m", vector_of({3, -7}));
  const ValueId v1 = graph.add_constant("v1", vector_of({0.01F, 5}));
  const ValueId v2 = graph.add_constant("v2", vector_of({0, 1}));
  // Two nodes share all but the variance.
  const ValueId y =
      graph.add_node("n1", BatchNormalization{1e-3F}, {x, scale, bias, mean, v1}, "y");
  graph.outputs = {
      graph.add_node("n2", BatchNormalization{1e-5F}, {y, scale, bias, mean, v2}, "z")};
  infer_shapes(graph);
  const Graph before = graph;
  EXPECT_EQ(merge_batch_norms(graph), 2);
  infer_shapes(graph);
  verify(graph);
  for (std::size_t n = 0; n < 2; ++n) {
    const Node& node = graph.nodes[n];
    for (std::size_t c = 0; c < 2; ++c) {
      EXPECT_EQ(graph.value(node.inputs[3]).constant->data<float>()[c], 0);
      EXPECT_EQ(graph.value(node.inputs[4]).constant->data<float>()[c], 1);
      for (const double at : {-2.0, 0.0, 10.0}) {
        const double expected = value_of(before, before.nodes[n], c, at);
        EXPECT_NEAR(value_of(graph, node, c, at), expected, 1e-5 * (1 + std::abs(expected)));
      }
    }
  }
}

TEST(BatchNorm, WhatWasMergedTakesStatisticsAgain) {
  Graph graph;
  const ValueId x = graph.add_value({"x", DType::f32, {1, 2, 4, 4}, {}});
  graph.inputs = {x};
  const ValueId scale = graph.add_constant("s", vector_of({2, -0.5}));
  const ValueId zero = graph.add_constant("zero", vector_of({0, 0}));
  const ValueId one = graph.add_constant("one", vector_of({1, 1}));
  // Two nodes share everything.
  const std::vector<ValueId> shared{scale, zero, zero, one};
  ValueId y = x;
  for (const char* name : {"n1", "n2"}) {
    std::vector<ValueId> inputs{y};
    inputs.insert(inputs.end(), shared.begin(), shared.end());
    y = graph.add_node(name, BatchNormalization{0}, inputs, std::string(name) + ".y");
  }
  graph.outputs = {y};
  infer_shapes(graph);
  const Graph before = graph;
  EXPECT_TRUE(is_merged_batch_norm(graph, graph.nodes[0]));
  unmerge_batch_norm(graph, graph.nodes[0], std::vector{3.0, -7.0}, std::vector{0.0, 5.0});
  infer_shapes(graph);
  verify(graph);
  EXPECT_FALSE(is_merged_batch_norm(graph, graph.nodes[0]));
  EXPECT_TRUE(is_merged_batch_norm(graph, graph.nodes[1]));
  const Node& node = graph.nodes[0];
  EXPECT_EQ(graph.value(node.inputs[3]).constant->data<float>()[1], -7);
  EXPECT_EQ(graph.value(node.inputs[4]).constant->data<float>()[1], 5);
  for (std::size_t c = 0; c < 2; ++c) {
    for (const double at : {-2.0, 0.0, 10.0}) {
      const double expected = value_of(before, before.nodes[0], c, at);
      EXPECT_NEAR(value_of(graph, node, c, at), expected, 1e-4 * (1 + std::abs(expected)));
      EXPECT_EQ(value_of(graph, graph.nodes[1], c, at), expected);
    }
  }
}

TEST(BatchNorm, ParametersThatAreNoConstantsAreLeftAlone) {
  Graph graph;
  const ValueId x = graph.add_value({"x", DType::f32, {1, 1, 2, 2}, {}});
  const ValueId s = graph.add_value({"s", DType::f32, {1}, {}});
  graph.inputs = {x, s};
  const ValueId one = graph.add_constant("one", vector_of({1}));
  graph.outputs = {graph.add_node("n", BatchNormalization{}, {x, s, one, one, one}, "y")};
  EXPECT_EQ(merge_batch_norms(graph), 0);
}

}  // namespace
}  // namespace syncopate::ir
