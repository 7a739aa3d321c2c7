#include "prune/dynamic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

/// A matrix of 64 inputs and 32 outputs.
struct Matrix {
  ir::Graph graph;
  Layer layer;

  Matrix() {
    Random random(5);
    Tensor weights(DType::f32, {32, 64});
    for (float& value : weights.mutable_data<float>()) value = static_cast<float>(random.normal());
    graph.inputs = {graph.add_value({"x", DType::f32, {1, 64}, {}})};
    const ir::ValueId w = graph.add_constant("w", std::move(weights));
    graph.outputs = {graph.add_node("fc", ir::Gemm{.trans_b = true}, {graph.inputs[0], w}, "y")};
    ir::infer_shapes(graph);
    layer = prunable_layers(graph).at(0);
  }
  std::span<const float> weights() const {
    return graph.value(layer.weights.value).constant->data<float>();
  }
};

TEST(DynamicMask, TheDensityFallsFastFirstAndRestsInTheEnd) {
  const DynamicMask mask{{}, {}, 0.9, 0.1, {}};
  EXPECT_EQ(mask.density(0), 0.9);
  EXPECT_EQ(mask.density(1), 0.1);
  EXPECT_EQ(mask.density(0.75), 0.1);
  double before = 0.9, fell = 1;
  for (int i = 1; i <= 15; ++i) {
    const double now = mask.density(0.05 * i);
    EXPECT_LT(now, before);
    EXPECT_LT(before - now, fell);
    fell = before - now;
    before = now;
  }
}

TEST(DynamicMask, ChoosesAsPruningInOneShotDoes) {
  const Matrix matrix;
  for (const Method method :
       {Method::magnitude, Method::coarse, Method::n_of_m, Method::balanced}) {
    Options how;
    how.method = method;
    how.fc_small = {4, 4, 1, 1};
    how.density = 0.25;
    const DynamicMask mask{matrix.layer, how, 1, 0.25, {}};
    EXPECT_EQ(mask.choose(matrix.weights(), 1), make_masks(matrix.graph, how).at("w"))
        << name_of(method);
  }
}

TEST(DynamicMask, WhatHasGoneMayComeBackButNotWithinAnOlderMask) {
  const Matrix matrix;
  Options how;
  how.method = Method::magnitude;
  DynamicMask mask{matrix.layer, how, 1, 0.5, {}};
  std::vector<float> weights(matrix.weights().begin(), matrix.weights().end());
  const Mask first = mask.choose(weights, 1);
  const auto gone = std::ranges::find(first, 0) - first.begin();
  weights[static_cast<std::size_t>(gone)] = 100;
  EXPECT_EQ(mask.choose(weights, 1)[static_cast<std::size_t>(gone)], 1);
  mask.older = first;
  EXPECT_EQ(mask.choose(weights, 1)[static_cast<std::size_t>(gone)], 0);
  EXPECT_EQ(mask.choose(weights, 1), first);
}

TEST(DynamicMask, TellsWhatItDependsOn) {
  const Matrix matrix;
  const DynamicMask mask{matrix.layer, {}, 1, 0.5, {}};
  DynamicMask other = mask;
  EXPECT_EQ(other.text(), mask.text());
  other.how.fc_small.outputs = 8;
  EXPECT_NE(other.text(), mask.text());
  other = mask;
  other.older = Mask(64 * 32, 1);
  EXPECT_NE(other.text(), mask.text());
}

}  // namespace
}  // namespace syncopate::prune
