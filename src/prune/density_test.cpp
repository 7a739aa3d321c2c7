#include "prune/density.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

/// Convolutions in a row whose weights differ in size by `scales`.
ir::Graph network(const std::vector<float>& scales, std::uint64_t seed) {
  Random random(seed);
  ir::Graph graph;
  graph.source = "test.onnx";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, 32, 8, 8}, {}})};
  ir::ValueId at = graph.inputs[0];
  for (std::size_t n = 0; n < scales.size(); ++n) {
    Tensor w(DType::f32, {32, 32, 3, 3});
    for (float& value : w.mutable_data<float>()) {
      value = scales[n] * static_cast<float>(random.normal());
    }
    ir::Conv conv;
    conv.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    const std::string name = fmt::format("conv{}", n);
    at = graph.add_node(name, conv, {at, graph.add_constant("w" + name, std::move(w))}, "y" + name);
  }
  graph.outputs = {at};
  return graph;
}

double kept_share(const Masks& masks) {
  double kept = 0, all = 0;
  for (const auto& [name, mask] : masks) {
    kept += static_cast<double>(std::count(mask.begin(), mask.end(), 1));
    all += static_cast<double>(mask.size());
  }
  return kept / all;
}

TEST(GlobalDensity, IsReachedOverAllLayersWithOneThreshold) {
  const ir::Graph graph = network({1, 0.9F, 0.8F}, 1);
  for (const Method method : {Method::magnitude, Method::coarse}) {
    const Options options{.method = method, .density = 0.3, .global = true};
    const Masks masks = make_masks(graph, options);
    EXPECT_NEAR(kept_share(masks), 0.3, 16.0 / (3 * 9216));
    float least_kept = 1e9F, most_removed = 0;
    for (const Layer& layer : prunable_layers(graph)) {
      const Magnitudes values{graph.value(layer.weights.value).constant->data<float>()};
      for_each_window(layer.weights, grid_for(layer.weights, options), [&](const Window& at) {
        const float own = score(layer.weights, at, options.criterion, values);
        for_each_address(layer.weights, at, [&](std::size_t a) {
          if (masks.at(layer.value)[a] != 0) {
            least_kept = std::min(least_kept, own);
          } else {
            most_removed = std::max(most_removed, own);
          }
        });
      });
    }
    EXPECT_GE(least_kept, most_removed);
  }
}

TEST(GlobalDensity, ScaledByLayerForgetsHowLargeALayersWeightsAre) {
  const ir::Graph graph = network({1, 0.01F}, 2);
  Options options{.method = Method::magnitude, .density = 0.3, .global = true};
  EXPECT_LT(layer_densities(graph, options).at("conv1"), 0.01);
  options.scale = Scale::layer;
  EXPECT_NEAR(layer_densities(graph, options).at("conv1"), 0.3, 0.03);
}

/// Layer-adaptive magnitudes as they are defined, all of them sorted: largest first.
std::vector<double> layer_adaptive(std::span<const float> weights) {
  std::vector<double> squares(weights.begin(), weights.end());
  for (double& value : squares) value *= value;
  std::ranges::sort(squares, std::greater());
  double sum = 0;
  for (double& value : squares) value /= sum += value;
  return squares;
}

TEST(GlobalDensity, LayerAdaptiveMagnitudesAreThoseOfTheDefinition) {
  const ir::Graph graph = network({1, 0.01F, 0.3F}, 7);
  std::map<std::string, std::vector<double>> scores;
  std::vector<double> all;
  for (const Layer& layer : prunable_layers(graph)) {
    auto& own = scores[layer.node];
    own = layer_adaptive(graph.value(layer.weights.value).constant->data<float>());
    all.insert(all.end(), own.begin(), own.end());
  }
  std::ranges::sort(all, std::greater());
  for (const double density : {0.5, 0.2, 0.05}) {
    const Options options{
        .method = Method::magnitude, .density = density, .global = true, .scale = Scale::lamp};
    const auto least = all[static_cast<std::size_t>(density * static_cast<double>(all.size())) - 1];
    for (const auto& [node, found] : layer_densities(graph, options)) {
      const auto kept = static_cast<double>(
          std::ranges::count_if(scores.at(node), [&](double s) { return s >= least; }));
      EXPECT_NEAR(found, kept / 9216, 0.01 * density) << node;
    }
    EXPECT_NEAR(kept_share(make_masks(graph, options)), density, 1e-3);
  }
}

TEST(GlobalDensity, LayerAdaptiveMagnitudesSpareSmallLayersAndWorkOnWindows) {
  ir::Graph graph = network({1, 1}, 8);
  Tensor small(DType::f32, {32, 32, 1, 1});
  Random random(9);
  for (float& value : small.mutable_data<float>()) value = static_cast<float>(random.normal());
  ir::Conv conv;
  conv.window = {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
  graph.outputs = {graph.add_node(
      "small", conv, {graph.outputs[0], graph.add_constant("small.w", std::move(small))}, "z")};
  for (const Method method : {Method::magnitude, Method::coarse}) {
    const Options options{.method = method, .density = 0.2, .global = true, .scale = Scale::lamp};
    const auto densities = layer_densities(graph, options);
    EXPECT_GT(densities.at("small"), 2 * densities.at("conv0"));
    EXPECT_NEAR(densities.at("conv0"), densities.at("conv1"), 0.01);
    EXPECT_NEAR(kept_share(make_masks(graph, options)), 0.2, 1e-3);
  }
}

TEST(GlobalDensity, LayersKeepTheLeastAndTheirOwn) {
  const ir::Graph graph = network({1, 0.01F, 1, 1}, 3);
  Options options{.method = Method::magnitude, .density = 0.3, .global = true};
  options.least_density = 0.1;
  options.layer_density["conv2"] = 0.5;
  const auto densities = layer_densities(graph, options);
  EXPECT_EQ(densities.at("conv1"), 0.1);
  EXPECT_EQ(densities.at("conv2"), 0.5);
  EXPECT_NEAR(densities.at("conv0") + densities.at("conv3"), 0.6, 1e-3);
  EXPECT_NEAR(kept_share(make_masks(graph, options)), 0.3, 1e-3);
}

TEST(GlobalDensity, BalancedLayersAreRoundedToTheirKernels) {
  const ir::Graph graph = network({1, 0.5F}, 4);
  const Options options{.method = Method::balanced,
                        .density = 0.4,
                        .q_rounding = QRounding::alternate,
                        .global = true};
  EXPECT_NEAR(kept_share(make_masks(graph, options)), 0.4, 0.01);
}

TEST(GlobalDensity, CountsNoZerosAsKept) {
  ir::Graph graph = network({1, 1}, 5);
  prune(graph, {.method = Method::magnitude, .density = 0.2});
  const auto densities =
      layer_densities(graph, {.method = Method::magnitude, .density = 0.5, .global = true});
  EXPECT_NEAR(densities.at("conv0"), 0.2, 1e-3);
}

TEST(GlobalDensity, RefusesFixedLayersThatKeepTooMuch) {
  const ir::Graph graph = network({1, 1}, 6);
  Options options{.method = Method::magnitude, .density = 0.3, .global = true};
  options.layer_density["conv0"] = 0.9;
  EXPECT_THROW(make_masks(graph, options), InputError);
  options.layer_density.clear();
  options.least_density = 0.4;
  EXPECT_THROW(make_masks(graph, options), InputError);
}

}  // namespace
}  // namespace syncopate::prune
