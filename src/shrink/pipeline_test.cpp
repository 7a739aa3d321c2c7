#include "shrink/pipeline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "prune/imbalance.h"
#include "prune/prune.h"
#include "shrink/allocate.h"
#include "shrink/outcome.h"

namespace syncopate::shrink {
namespace {

/// Two layers; the second is far larger and matters less.
ir::Graph two_layers() {
  Random random(3);
  const auto constant = [&](Shape shape) {
    Tensor tensor(DType::f32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(random.normal());
    return tensor;
  };
  ir::Graph graph;
  graph.name = "two layers";
  const ir::ValueId x = graph.add_value({"x", DType::f32, {1, 8, 6, 6}, {}});
  graph.inputs = {x};
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const ir::ValueId a = graph.add_node("conv", ir::Conv{window, 1},
                                       {x, graph.add_constant("w1", constant({16, 8, 3, 3}))}, "a");
  const ir::ValueId f = graph.add_node("flatten", ir::Flatten{1}, {a}, "f");
  graph.outputs = {
      graph.add_node("fc", ir::Gemm{}, {f, graph.add_constant("w2", constant({576, 64}))}, "y")};
  ir::infer_shapes(graph);
  return graph;
}

/// Scores how much of the original weights' energy is there; tuning scales what is left up a
/// little, as far as masks and codebooks let it.
class FakeCoach : public Coach {
 public:
  explicit FakeCoach(const ir::Graph& dense) : dense_(dense) {}

  double accuracy(const ir::Graph& graph, Pictures pictures) override {
    pictures == Pictures::scan ? ++scans : ++tests;
    return 90 - 40 * loss(graph, "w1") - 10 * loss(graph, "w2") + bonus_;
  }
  void tune(ir::Graph& graph, const Constraints& constraints, int epochs, double /*rate*/,
            const std::string& /*checkpoint*/) override {
    ++tunes;
    if (tunes == fail_at) fail("interrupted");
    bonus_ = 0.01 * epochs;
    for (const auto& [name, mask] : constraints.masks) {
      const auto values = graph.value(graph.find(name)).constant->data<float>();
      for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0) {
          EXPECT_EQ(values[i], 0) << name;
        }
      }
    }
    for (const auto& [name, how] : constraints.clusters) {
      ++clustered;
      std::optional<Tensor>& weights = graph.value(graph.find(name)).constant;
      weights = codec::expand(codec::cluster(*weights, how));
    }
    for (const auto& [name, dynamic] : constraints.dynamic) {
      ++chosen;
      std::optional<Tensor>& weights = graph.value(graph.find(name)).constant;
      prune::apply(graph, {{name, dynamic.choose(weights->data<float>(), 1)}});
    }
    for (const auto& [name, books] : constraints.books) {
      EXPECT_EQ(codec::expand(books), *graph.value(graph.find(name)).constant);
    }
  }

  int scans = 0, tests = 0, tunes = 0, clustered = 0, chosen = 0, fail_at = -1;

 private:
  double loss(const ir::Graph& graph, const std::string& name) const {
    const auto weights = [&](const ir::Graph& g) {
      return g.value(g.find(name)).constant->data<float>();
    };
    return codec::relative_error(weights(dense_), weights(graph));
  }
  const ir::Graph& dense_;
  double bonus_ = 0;
};

class ShrinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() /
               ("shrink_test_" + std::to_string(::getpid()) +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()))
                  .string();
    std::filesystem::remove_all(folder_);
    options_.pruning.method = prune::Method::magnitude;
    options_.budget = 3;
    options_.folder = folder_;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  Options options_;
};

TEST_F(ShrinkTest, StaysWithinTheBudgetAndShrinksAtEveryStage) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  const Result result = compress(graph, options_, coach, {});
  EXPECT_TRUE(result.within_budget);
  ASSERT_EQ(result.stages.size(), 5U);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_LT(result.stages[i].bytes, result.stages[i - 1].bytes) << result.stages[i].name;
    EXPECT_GE(result.stages[i].accuracy, result.dense_accuracy - 3);
  }
  EXPECT_EQ(result.stages[4].bytes, static_cast<std::int64_t>(result.file.size()));
  // What matters less gave up more.
  EXPECT_GT(result.densities[0].second, 1.25 * result.densities[1].second);
  const ir::Graph back = codec::read_model(codec::SyncReader(result.file, "result"));
  EXPECT_EQ(coach.accuracy(back, Pictures::test), result.stages[4].accuracy);
}

TEST_F(ShrinkTest, AnInterruptedRunGoesOnToTheSameFile) {
  const ir::Graph graph = two_layers();
  FakeCoach whole(graph);
  const Result expected = compress(graph, options_, whole, {});
  std::filesystem::remove_all(folder_);
  int tunes = 0;
  for (const int at : {2, 1, 3}) {
    FakeCoach broken(graph);
    broken.fail_at = at;
    EXPECT_THROW(static_cast<void>(compress(graph, options_, broken, {})), InputError);
    tunes += at - 1;
  }
  FakeCoach rest(graph);
  const Result result = compress(graph, options_, rest, {});
  EXPECT_EQ(result.file, expected.file);
  EXPECT_EQ(tunes + rest.tunes, whole.tunes) << "nothing was done twice";
}

TEST_F(ShrinkTest, GoesOnFromAPrunedNetworkUnderTheBudgetOfItsOriginal) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.codebooks = false;
  options_.density = 0.6;
  const Result first = compress(graph, options_, coach, {});
  std::filesystem::remove_all(folder_);
  options_.original = graph;
  options_.codebooks = true;
  options_.density = 0.4;
  FakeCoach another(graph);
  const Result second = compress(first.pruned, options_, another, {});
  EXPECT_EQ(second.dense_accuracy, first.dense_accuracy);
  EXPECT_EQ(second.stages[0].bytes, first.stages[0].bytes);
  ASSERT_GE(second.points.size(), 3U);
  EXPECT_EQ(second.points[0].name, "dense");
  EXPECT_EQ(second.points[1].name, "given");
  EXPECT_NEAR(second.points[1].density, 0.6, 0.01);
  // What was zero stays so.
  for (const char* name : {"w1", "w2"}) {
    const auto of = [&](const ir::Graph& g) {
      return g.value(g.find(name)).constant->data<float>();
    };
    const auto before = of(first.pruned), after = of(second.pruned);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == 0) {
        ASSERT_EQ(after[i], 0) << name << " " << i;
      }
    }
  }
}

TEST_F(ShrinkTest, ANetworkGivenAtItsDensityIsTunedAllTheSame) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.codebooks = false;
  options_.density = 0.6;
  options_.settle_epochs = 0;
  const Result first = compress(graph, options_, coach, {});
  std::filesystem::remove_all(folder_);
  options_.original = graph;
  options_.settle_epochs = 7;
  FakeCoach another(graph);
  const Result second = compress(first.pruned, options_, another, {});
  EXPECT_EQ(another.tunes, 1);
  EXPECT_EQ(second.points.back().name, "settled");
  EXPECT_EQ(second.points.back().epochs, 7);
  EXPECT_NEAR(second.points.back().density, 0.6, 0.01);
}

TEST_F(ShrinkTest, PrunesInOneTrainingDownToTheDensity) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.codebooks = false;
  options_.density = 0.2;
  options_.dynamic_epochs = 5;
  const Result first = compress(graph, options_, coach, {});
  EXPECT_EQ(coach.chosen, 2) << "layers";
  EXPECT_EQ(coach.tunes, 2) << "and settled";
  EXPECT_EQ(first.points[1].name, "pruned to 20.0 %");
  EXPECT_EQ(first.points[1].epochs, 5);
  // The layer that matters less gives up more.
  EXPECT_GT(first.densities[0].second, 1.5 * first.densities[1].second);
  // On from there: what is zero stays so.
  std::filesystem::remove_all(folder_);
  options_.original = graph;
  options_.density = 0.1;
  FakeCoach another(graph);
  const Result second = compress(first.pruned, options_, another, {});
  EXPECT_NEAR(second.points[2].density, 0.1, 0.001);
  for (const auto& [name, mask] : prune::masks_of(second.pruned)) {
    const prune::Mask before = prune::masks_of(first.pruned).at(name);
    for (std::size_t i = 0; i < mask.size(); ++i) ASSERT_LE(mask[i], before[i]) << name << " " << i;
  }
}

TEST_F(ShrinkTest, OneThresholdDividesADensityWithoutScans) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.codebooks = false;
  options_.density = 0.2;
  options_.pruning.global = true;
  options_.pruning.scale = prune::Scale::lamp;
  prune::Options how = options_.pruning;
  how.density = 0.2;
  const std::map<std::string, double> expected = prune::layer_densities(graph, how);
  for (const int dynamic_epochs : {0, 5}) {
    std::filesystem::remove_all(folder_);
    options_.dynamic_epochs = dynamic_epochs;
    options_.step = 0.2;
    const Result result = compress(graph, options_, coach, {});
    EXPECT_EQ(coach.scans, 0);
    for (const auto& [node, density] : result.densities) {
      EXPECT_NEAR(density, expected.at(node), 0.001) << node;
    }
    EXPECT_NEAR(result.points[1].density, 0.2, 0.001);
  }
  // In steps: what went stays away.
  std::filesystem::remove_all(folder_);
  options_.dynamic_epochs = 0;
  options_.step = 0.6;
  EXPECT_NEAR(compress(graph, options_, coach, {}).points.back().density, 0.2, 0.001);
}

TEST_F(ShrinkTest, AFolderOfAnotherRunIsRefused) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  static_cast<void>(compress(graph, options_, coach, {}));
  options_.budget = 1;
  EXPECT_THROW(static_cast<void>(compress(graph, options_, coach, {})), InputError);
}

TEST_F(ShrinkTest, WhatWasClusteredInTrainingIsWhatIsCoded) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.cluster_epochs = 3;
  options_.conv_bits = 3;
  const Result result = compress(graph, options_, coach, {});
  EXPECT_GT(coach.clustered, 0);
  const auto clustered =
      std::find_if(result.points.begin(), result.points.end(),
                   [](const Point& point) { return point.name.starts_with("clustered"); });
  ASSERT_NE(clustered, result.points.end());
  EXPECT_EQ(clustered->epochs, 3);
  const ir::Graph back = codec::read_model(codec::SyncReader(result.file, "result"));
  const Tensor& weights = *back.value(back.find("w1")).constant;
  EXPECT_LE(codec::read_codebooks(weights, 0).books[0].size(), 9U);
}

TEST_F(ShrinkTest, RatesTakeWeightsAfterTheLastStep) {
  const ir::Graph graph = two_layers();
  options_.density = 0.6;
  options_.step = 0.6;
  options_.zero_rates = {0.3, 1};
  options_.zero_epochs = 4;
  options_.rates = {0.001};
  FakeCoach coach(graph);
  const Result result = compress(graph, options_, coach, {});
  const std::vector<Point>& points = result.points;
  ASSERT_GE(points.size(), 5U);
  EXPECT_EQ(points[2].name, "settled");
  EXPECT_EQ(points[3].name, "zeros of rate 0.3");
  EXPECT_EQ(points[4].name, "zeros of rate 1");
  EXPECT_EQ(points[4].epochs, 4);
  EXPECT_LT(points[3].density, points[2].density);
  EXPECT_LT(points[4].density, points[3].density);
  EXPECT_EQ(result.stages[1].accuracy, points[4].accuracy);
}

TEST_F(ShrinkTest, ARateThatExceedsTheBudgetIsTakenBack) {
  const ir::Graph graph = two_layers();
  options_.codebooks = false;
  options_.zero_rates = {5};
  FakeCoach coach(graph);
  const Result result = compress(graph, options_, coach, {});
  EXPECT_EQ(result.points.back().name, "zeros of rate 5");
  EXPECT_FALSE(result.points.back().within);
  EXPECT_TRUE(result.within_budget);
  EXPECT_GT(result.stages[1].accuracy, result.points.back().accuracy);
}

TEST_F(ShrinkTest, ADensityIsReachedWhateverItCosts) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.budget = 0;
  options_.density = 0.3;
  const Result result = compress(graph, options_, coach, {});
  EXPECT_FALSE(result.within_budget);
  double least = 1;
  for (const Point& point : result.points) {
    if (point.name.starts_with("pruned")) least = std::min(least, point.density);
  }
  EXPECT_NEAR(least, 0.3, 0.005);
}

TEST_F(ShrinkTest, WithoutCodebooksItStopsWhenEveryKernelKeepsAsManyWeights) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  options_.pruning.method = prune::Method::balanced;
  options_.pruning.q_rounding = prune::QRounding::down;
  options_.budget = 20;
  options_.codebooks = false;
  const Result result = compress(graph, options_, coach, {});
  EXPECT_TRUE(result.file.empty());
  ASSERT_EQ(result.stages.size(), 2U);
  EXPECT_LT(result.stages[1].bytes, result.stages[0].bytes);
  EXPECT_EQ(coach.accuracy(result.pruned, Pictures::test), result.stages[1].accuracy);
  for (const prune::LayerImbalance& layer : prune::imbalance(result.pruned)) {
    EXPECT_EQ(layer.kernel, 1) << layer.node;
  }
  EXPECT_LT(result.densities[0].second, 1);
  EXPECT_EQ(to_outcome(result, options_).tables[0].rows.size(), 2U);
}

TEST_F(ShrinkTest, OptionsThatMakeNoSenseAreRefused) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  for (const auto spoil :
       {+[](Options& o) { o.budget = -1; }, +[](Options& o) { o.step = 1; },
        +[](Options& o) { o.rates.clear(); }, +[](Options& o) { o.density = 1.5; },
        +[](Options& o) { o.dynamic_epochs = 3; }}) {
    Options options = options_;
    spoil(options);
    EXPECT_THROW(static_cast<void>(compress(graph, options, coach, {})), InputError);
  }
}

TEST_F(ShrinkTest, TheOutcomeHasEveryStageAndPoint) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  const Result result = compress(graph, options_, coach, {});
  const report::Outcome outcome = to_outcome(result, options_);
  EXPECT_EQ(outcome.tables[0].rows.size(), 5U);
  EXPECT_EQ(outcome.tables[1].rows.size(), result.points.size());
  EXPECT_EQ(outcome.plots[0].categories.size(), result.points.size());
  EXPECT_GT(outcome.plots[0].from, 50);
  EXPECT_TRUE(outcome.notes[1].starts_with("Layers share the loss by a scan"));
  options_.pruning.global = true;
  EXPECT_TRUE(to_outcome(result, options_).notes[1].starts_with("Layers share a density"));
}

TEST(Allocate, WeightsGoWhereTheyCostLeast) {
  const std::vector<Sensitivity> layers{{"a", 1000, 1, {1, 0.5, 0.1}, {90, 88, 60}},
                                        {"b", 1000, 1, {1, 0.5, 0.1}, {90, 90, 89}}};
  const auto densities = allocate(layers, 0.5);
  EXPECT_NEAR((densities.at("a") + densities.at("b")) / 2, 0.5, 1e-6);
  // b falls by a point on the way to 0.1; a by twice as much on the way to 0.5.
  EXPECT_GT(densities.at("a"), 0.75);
  EXPECT_LT(densities.at("b"), 0.25);
  EXPECT_NEAR(allocate(layers, 0.001).at("a"), 0.1, 1e-9) << "no further than was scanned";
}

// Where the scan sees no difference, a large layer gives up more, and no layer everything.
TEST(Allocate, LargeLayersGiveMore) {
  const std::vector<double> densities{1, 0.8, 0.6, 0.4, 0.2, 0}, accuracies(6, 90);
  const std::vector<Sensitivity> layers{{"small", 100, 1, densities, accuracies},
                                        {"large", 10000, 1, densities, accuracies}};
  const auto divided = allocate(layers, 0.3);
  EXPECT_EQ(divided.at("small"), 1);
  EXPECT_NEAR(divided.at("large"), 0.293, 1e-6);
  const auto fewest = allocate(layers, 0.19);
  EXPECT_GE(fewest.at("small"), 0.2);
  EXPECT_GT(fewest.at("large"), 0.18);
}

// Of 9 weights a kernel keeps whole ones: between 3 and 2 there is nothing.
TEST(Allocate, StepsAreNotCrossed) {
  std::vector<Sensitivity> layers;
  for (const char* node : {"a", "b", "c"}) {
    const double third = 90 - static_cast<double>(layers.size());
    layers.push_back({node, 9, 4.0 / 9, {4.0 / 9, 3.0 / 9, 2.0 / 9}, {90, third, 60}, true});
  }
  const auto densities = allocate(layers, 10.0 / 27);
  EXPECT_DOUBLE_EQ(densities.at("a"), 3.0 / 9);
  EXPECT_DOUBLE_EQ(densities.at("b"), 3.0 / 9);
  EXPECT_DOUBLE_EQ(densities.at("c"), 4.0 / 9);
}

TEST(Allocate, AScanKnowsStepsAndWhatTheyLeave) {
  const ir::Graph graph = two_layers();
  FakeCoach coach(graph);
  prune::Options how;
  const auto steps = [&](prune::Method method) {
    how.method = method;
    how.q_rounding = prune::QRounding::down;
    return scan(graph, {}, how, {0.5, 0.3}, coach, {});
  };
  for (const Sensitivity& layer : steps(prune::Method::magnitude)) {
    EXPECT_FALSE(layer.steps) << layer.node;
    EXPECT_NEAR(layer.densities[1], 0.5, 0.02) << layer.node;
  }
  const std::vector<Sensitivity> balanced = steps(prune::Method::balanced);
  EXPECT_TRUE(balanced[0].steps);
  EXPECT_NEAR(balanced[0].densities[1], 4.0 / 9, 1e-9);
  EXPECT_NEAR(balanced[0].densities[2], 2.0 / 9, 1e-9);
}

TEST(Allocate, AccuracyIsNeverTakenToRise) {
  const std::vector<Sensitivity> layers{{"a", 1, 1, {1, 0.5, 0.2}, {90, 80, 89}},
                                        {"b", 1, 1, {1, 0.5, 0.2}, {90, 85, 84}}};
  const auto densities = allocate(layers, 0.6);
  EXPECT_GT(densities.at("a"), densities.at("b"));
}

}  // namespace
}  // namespace syncopate::shrink
