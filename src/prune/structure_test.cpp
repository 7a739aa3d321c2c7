#include "prune/structure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "prune/prune.h"

namespace syncopate::prune {
namespace {

Tensor random_tensor(Shape shape, Random& random) {
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

/// One layer of random extents and kind: convolutions of one to three dimensions with groups, and
/// matrices in both orders; with a depthwise convolution beside it.
ir::Graph random_network(Random& random) {
  ir::Graph graph;
  graph.source = "random.onnx";
  const auto pick = [&](std::int64_t low, std::int64_t high) { return random.integer(low, high); };
  Shape shape;
  if (random.chance(0.3)) {
    const bool transposed = random.chance(0.5);
    shape = {pick(1, 70), pick(1, 70)};
    graph.inputs = {graph.add_value({"x", DType::f32, {1, shape[transposed ? 1 : 0]}, {}})};
    const ir::ValueId w = graph.add_constant("w", random_tensor(shape, random));
    graph.outputs = {
        graph.add_node("layer", ir::Gemm{.trans_b = transposed}, {graph.inputs[0], w}, "y")};
  } else {
    ir::Conv conv;
    conv.group = pick(1, 3);
    const std::int64_t inputs = conv.group == 1 ? pick(1, 40) : pick(2, 20);
    shape = {conv.group * pick(1, 20), inputs};
    const std::int64_t dimensions = pick(1, 3);
    Shape input{1, inputs * conv.group};
    for (std::int64_t d = 0; d < dimensions; ++d) {
      shape.push_back(random.chance(0.3) ? 1 : pick(1, dimensions == 3 ? 3 : 5));
      input.push_back(6);
      conv.window.kernel.push_back(shape.back());
    }
    conv.window.strides = conv.window.dilations = ir::Ints(conv.window.kernel.size(), 1);
    conv.window.pads_begin = conv.window.pads_end = ir::Ints(conv.window.kernel.size(), 0);
    graph.inputs = {graph.add_value({"x", DType::f32, input, {}})};
    const ir::ValueId w = graph.add_constant("w", random_tensor(shape, random));
    graph.outputs = {graph.add_node("layer", conv, {graph.inputs[0], w}, "y")};
  }
  ir::Conv depthwise;
  depthwise.group = 4;
  depthwise.window = {{3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
  graph.inputs.push_back(graph.add_value({"z", DType::f32, {1, 4, 8, 8}, {}}));
  const ir::ValueId w = graph.add_constant("v", random_tensor({4, 1, 3, 3}, random));
  graph.outputs.push_back(graph.add_node("depthwise", depthwise, {graph.inputs[1], w}, "u"));
  ir::infer_shapes(graph);
  return graph;
}

constexpr int kNetworks = 300;

/// Kept weights of every window, with the window.
template <class Visit>
void count_windows(const Layer& layer, const Options& options, const Mask& mask, Visit visit) {
  for_each_window(layer.weights, grid_for(layer.weights, options), [&](const Window& at) {
    std::int64_t kept = 0;
    for_each_address(layer.weights, at, [&](std::size_t a) { kept += mask[a]; });
    visit(at, kept);
  });
}

TEST(Structure, WindowsCoverEachWeightOnceOrMore) {
  Random random(1);
  for (int n = 0; n < kNetworks; ++n) {
    const ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    Options options;
    options.conv = {random.integer(1, 5), random.integer(1, 17), random.integer(1, 3),
                    random.integer(1, 3)};
    const bool overlap = random.chance(0.5);
    if (overlap) options.conv_stride = options.fc_stride = {1, 1, 1, 1};
    std::vector<int> covered(static_cast<std::size_t>(layer.weights.size()), 0);
    std::int64_t windows = 0;
    const Grid grid = grid_for(layer.weights, options);
    for_each_window(layer.weights, grid, [&](const Window& at) {
      EXPECT_EQ(at.index, windows++);
      std::int64_t weights = 0;
      for_each_address(layer.weights, at, [&](std::size_t a) {
        ++covered.at(a);
        ++weights;
      });
      EXPECT_EQ(weights, at.size());
    });
    EXPECT_EQ(windows, layer.weights.groups * grid.count());
    for (const int times : covered) {
      if (overlap) {
        ASSERT_GE(times, 1);
      } else {
        ASSERT_EQ(times, 1);
      }
    }
  }
}

TEST(Structure, DepthwiseLayersHaveNoMask) {
  Random random(2);
  const ir::Graph graph = random_network(random);
  for (const Method method :
       {Method::magnitude, Method::coarse, Method::n_of_m, Method::balanced}) {
    const Masks masks = make_masks(graph, {.method = method, .density = 0.5});
    EXPECT_EQ(masks.size(), 1U);
    EXPECT_TRUE(masks.contains("w"));
  }
}

TEST(Structure, EveryGroupOfMKeepsN) {
  Random random(3);
  for (int n = 0; n < kNetworks; ++n) {
    const ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    Options options{.method = Method::n_of_m};
    options.m = random.integer(2, 8);
    const std::int64_t kept_of_m = random.integer(1, options.m);
    options.density = static_cast<double>(kept_of_m) / static_cast<double>(options.m);
    const Mask mask = make_masks(graph, options).at("w");
    count_windows(layer, options, mask, [&](const Window& at, std::int64_t kept) {
      const std::int64_t t = at.size();
      ASSERT_EQ(kept, (kept_of_m * t + options.m - 1) / options.m) << t << " inputs";
      ASSERT_LE(kept, kept_of_m);
    });
  }
}

TEST(Structure, EveryKernelKeepsTheSameNumberRoundingDown) {
  Random random(4);
  for (int n = 0; n < kNetworks; ++n) {
    const ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    Options options{.method = Method::balanced, .density = 0.05 + 0.95 * random.uniform()};
    options.q_rounding = QRounding::down;
    const Mask mask = make_masks(graph, options).at("w");
    std::map<std::int64_t, std::set<std::int64_t>> kept_by_size;
    count_windows(layer, options, mask, [&](const Window& at, std::int64_t kept) {
      kept_by_size[at.size()].insert(kept);
      const double exact = options.density * static_cast<double>(at.size());
      ASSERT_EQ(kept, std::max<std::int64_t>(1, static_cast<std::int64_t>(exact + 1e-9)));
    });
    for (const auto& [size, kept] : kept_by_size) EXPECT_EQ(kept.size(), 1U) << size;
    if (layer.weights.kernel() > 1) {
      EXPECT_EQ(kept_by_size.size(), 1U);
    }
  }
}

TEST(Structure, AlternateIsAPatternThatTheWeightsDoNotChange) {
  Random random(5);
  for (int n = 0; n < kNetworks; ++n) {
    ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    const Options options{.method = Method::balanced, .density = 0.02 + 0.98 * random.uniform()};
    const Mask mask = make_masks(graph, options).at("w");
    Tensor& weights = *graph.value(layer.weights.value).constant;
    weights = random_tensor(weights.shape(), random);
    const Mask other = make_masks(graph, options).at("w");
    std::map<std::int64_t, std::int64_t> per_output;
    std::vector<std::int64_t> counts, other_counts;
    const Grid grid = grid_for(layer.weights, options);
    const std::int64_t full =
        std::min(grid.window.inputs, layer.weights.inputs) * grid.window.height * grid.window.width;
    count_windows(layer, options, mask, [&](const Window& at, std::int64_t kept) {
      counts.push_back(kept);
      per_output[at.group * layer.weights.outputs + at.output] += kept;
      const double exact = options.density * static_cast<double>(at.size());
      if (at.size() == full) {
        ASSERT_LE(std::abs(static_cast<double>(kept) - exact), 1) << exact;
      }
    });
    count_windows(layer, options, other,
                  [&](const Window&, std::int64_t kept) { other_counts.push_back(kept); });
    EXPECT_EQ(counts, other_counts);
    for (const auto& [output, kept] : per_output) {
      EXPECT_EQ(kept, per_output.begin()->second) << "output " << output;
      EXPECT_GE(kept, 1);
    }
  }
}

TEST(Structure, HalfOfThreeByThreeAlternatesFiveAndFour) {
  Random random(6);
  ir::Graph graph;
  graph.inputs = {graph.add_value({"x", DType::f32, {1, 6, 8, 8}, {}})};
  ir::Conv conv;
  conv.window = {{3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
  const ir::ValueId w = graph.add_constant("w", random_tensor({2, 6, 3, 3}, random));
  graph.outputs = {graph.add_node("conv", conv, {graph.inputs[0], w}, "y")};
  const Options options{.method = Method::balanced, .density = 0.5};
  std::vector<std::int64_t> counts;
  count_windows(prunable_layers(graph).at(0), options, make_masks(graph, options).at("w"),
                [&](const Window&, std::int64_t kept) { counts.push_back(kept); });
  EXPECT_EQ(counts, (std::vector<std::int64_t>{5, 4, 5, 4, 5, 4, 4, 5, 4, 5, 4, 5}));
  EXPECT_EQ(prune(graph, options).at(0).structure, "5/4 of 9");
}

TEST(Structure, WindowsKeepTheirLargestWeights) {
  Random random(7);
  for (int n = 0; n < 100; ++n) {
    const ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    const auto values = graph.value(layer.weights.value).constant->data<float>();
    for (const Method method : {Method::n_of_m, Method::balanced}) {
      const Options options{.method = method, .density = 0.4};
      const Mask mask = make_masks(graph, options).at("w");
      for_each_window(layer.weights, grid_for(layer.weights, options), [&](const Window& at) {
        float least_kept = 1e9F, most_removed = 0;
        for_each_address(layer.weights, at, [&](std::size_t a) {
          if (mask[a] != 0) {
            least_kept = std::min(least_kept, std::abs(values[a]));
          } else {
            most_removed = std::max(most_removed, std::abs(values[a]));
          }
        });
        ASSERT_GE(least_kept, most_removed);
      });
    }
  }
}

Options random_options(Random& random, Method method) {
  Options options{.method = method};
  options.criterion = static_cast<Criterion>(random.integer(0, 2));
  options.conv = {random.integer(1, 3), random.integer(1, 16), random.integer(1, 2), 1};
  if (random.chance(0.3)) options.conv_stride = options.fc_stride = {1, 1, 1, 1};
  options.q_rounding = random.chance(0.5) ? QRounding::down : QRounding::alternate;
  options.m = random.integer(2, 8);
  options.global = random.chance(0.3);
  return options;
}

TEST(Structure, MasksNestWhateverTrainingDoes) {
  Random random(8);
  for (int n = 0; n < 4 * kNetworks; ++n) {
    ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    const Options base = random_options(random, static_cast<Method>(n % 4));
    Masks older;
    for (const double density : {0.8, 0.55, 0.3, 0.1}) {
      Options options = base;
      options.density = density;
      const Masks masks = make_masks(graph, options, older.empty() ? nullptr : &older);
      const Mask& mask = masks.at("w");
      ASSERT_GE(std::count(mask.begin(), mask.end(), 1), 1);
      for (std::size_t a = 0; a < mask.size() && !older.empty(); ++a) {
        ASSERT_LE(mask[a], older.at("w")[a]);
      }
      // Quotas hold as if there were no older mask.
      if (base.method == Method::n_of_m || base.method == Method::balanced) {
        std::vector<std::int64_t> counts, fresh;
        count_windows(layer, options, mask,
                      [&](const Window&, std::int64_t kept) { counts.push_back(kept); });
        if (!options.global) {
          count_windows(layer, options, make_masks(graph, options).at("w"),
                        [&](const Window&, std::int64_t kept) { fresh.push_back(kept); });
          ASSERT_EQ(counts, fresh) << name_of(base.method) << " at " << density;
        }
      }
      apply(graph, masks);
      older = masks;
      // As training would: what stays changes, and what went comes back unless the mask holds it.
      for (float& value : graph.value(layer.weights.value).constant->mutable_data<float>()) {
        value += static_cast<float>(random.normal());
      }
    }
  }
}

TEST(Structure, OverlappingWindowsLeaveTheDensityAndOnlyWholeWindowsGo) {
  Random random(9);
  for (int n = 0; n < kNetworks; ++n) {
    const ir::Graph graph = random_network(random);
    const Layer layer = prunable_layers(graph).at(0);
    Options options{.density = 0.3};
    options.conv = {2, 4, 1, 1};
    options.conv_stride = {1, 2, 1, 1};
    options.fc_small = {4, 4, 1, 1};
    options.fc_stride = {2, 2, 1, 1};
    const Mask mask = make_masks(graph, options).at("w");
    const auto size = static_cast<double>(mask.size());
    EXPECT_GE(static_cast<double>(std::count(mask.begin(), mask.end(), 1)),
              std::max(1.0, std::round(0.3 * size)));
    Mask in_removed_window(mask.size(), 0);
    const Grid grid = grid_for(layer.weights, options);
    for_each_window(layer.weights, grid, [&](const Window& at) {
      bool alive = false;
      for_each_address(layer.weights, at, [&](std::size_t a) { alive |= mask[a] != 0; });
      if (alive) return;
      for_each_address(layer.weights, at, [&](std::size_t a) { in_removed_window[a] = 1; });
    });
    for (std::size_t a = 0; a < mask.size(); ++a) ASSERT_EQ(mask[a], 1 - in_removed_window[a]);
  }
}

TEST(Structure, GeometricMeanOfAWindowWithAZeroIsZero) {
  const Weights w{0, 1, 4, 1, 1, 1, 4, 1, 1, 1, false};
  const std::vector<float> values{1.0F, 4.0F, 2.0F, 2.0F}, with_zero{1.0F, 0.0F, 2.0F, 2.0F};
  const Window all{0, 0, 0, 4, 0, 1, 0, 1, 0, 1};
  EXPECT_FLOAT_EQ(score(w, all, Criterion::geometric, {values}), 2.0F);
  EXPECT_EQ(score(w, all, Criterion::geometric, {with_zero}), 0.0F);
  EXPECT_FLOAT_EQ(score(w, all, Criterion::average, {values}), 2.25F);
  EXPECT_EQ(score(w, all, Criterion::max, {values}), 4.0F);
  const Mask removed(4, 0);
  EXPECT_EQ(score(w, all, Criterion::max, {values, &removed}), -1.0F);
}

}  // namespace
}  // namespace syncopate::prune
