#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "prune/prune.h"
#include "reproduce/sense/study.h"
#include "reproduce/synthetic_network.h"
#include "zoo/builder.h"
#include "zoo/networks.h"

namespace syncopate::reproduce::sense {
namespace {

/// A convolution without zeros, padding or borders within a tile.
Pruned full_layer() {
  zoo::Builder net("full", 1, {1, 64, 16, 16});
  Pruned made;
  made.graph = std::move(net).finish(net.conv("conv", net.input(), 64, {1, 1, 0}));
  for (const prune::Layer& layer : prune::prunable_layers(made.graph)) {
    for (float& w : made.graph.value(layer.weights.value).constant->mutable_data<float>()) w = 1;
  }
  Tensor input(DType::f32, {1, 64, 16, 16});
  for (float& x : input.mutable_data<float>()) x = 1;
  made.inputs = {std::move(input)};
  return made;
}

// 2 x 1024 x 200 MHz: an array that is always full does 409.6 GOP/s, apart from filling it once.
TEST(Sense, AFullLayerRunsAtThePublishedPeak) {
  const Pruned full = full_layer();
  for (const char* reading : kReadings) {
    const std::vector<Variant> variants{
        {"sense", "ideal-1000", {std::string("pe_mode=") + reading}}};
    const Simulation simulation = simulate(full.graph, full.inputs, variants, {});
    const Cost cost = cost_of(simulation, 0, Scope::conv);
    constexpr double kFillSeconds = 62 / 200e6;
    EXPECT_NEAR(2 * cost.macs / (cost.compute_seconds - kFillSeconds), kPeakOps, 1);
    EXPECT_NEAR(cost.utilization(), 1024.0 / (1024 + 62), 1e-9);
  }
}

TEST(Sense, TheNotesLayerComesOutAsEstimated) {
  const std::vector<OneLayer> layers = one_layer_cases({});
  ASSERT_EQ(layers.size(), 2U);
  const std::array<double, 4> estimates{0.29, 0.46, 0.57, 0.89};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(layers[0].utilization[i], estimates[i], 0.04);
  EXPECT_LT(layers[1].utilization[kBoth], layers[0].utilization[kBoth]);  // 5 and 4 in turn.
}

// A small network through everything that a published one goes through.
TEST(Sense, ACaseHasEveryMachineAndNoneMovesLessThanAdaptive) {
  Workload workload;
  workload.network = "cifar10-quick";
  workload.make = [](Structure structure, std::optional<double>) -> std::optional<Pruned> {
    ir::Graph graph = zoo::network("cifar10-quick");
    prune_to(graph, structure, {0.5, {}});
    Tensor input(DType::f32, {1, 3, 32, 32});
    Random random(1);
    for (float& x : input.mutable_data<float>()) x = static_cast<float>(random.uniform());
    return Pruned{std::move(graph), {std::move(input)}, {}};
  };
  const Case one = run_case(workload, {});
  for (const Found* found : {&one.swallow, &one.fesa, &one.spots, &one.systolic, &one.eyeriss}) {
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->conv.macs, one.swallow->conv.macs);
    EXPECT_GT((*found)->weighted.seconds, (*found)->conv.seconds);
  }
  for (const Reading& reading : one.readings) {
    const double adaptive = reading.sense().conv.dram_bits;
    EXPECT_LE(adaptive, reading.ifm_first->conv.dram_bits);
    EXPECT_LE(adaptive, reading.weight_first->conv.dram_bits);
    EXPECT_LT(reading.sense().conv.compute_seconds, reading.idle->conv.compute_seconds);
    EXPECT_LT(reading.sense().conv.compute_seconds, reading.ablation[kNone]->conv.compute_seconds);
  }
  EXPECT_EQ(one.run.size(), 5U);
}

TEST(Sense, OneTowerAlexNetHasThePublishedOperations) {
  const ir::Graph graph = one_tower_alexnet();
  std::int64_t macs = 0;
  for (const ir::Node& node : graph.nodes) macs += ir::macs_of(graph, node);
  EXPECT_NEAR(static_cast<double>(macs) * 1e-9, 0.714, 0.001);
}

TEST(Sense, TrainedNetworksAreFoundInPairs) {
  const auto folder = std::filesystem::temp_directory_path() / "sense_trained_networks";
  std::filesystem::create_directories(folder);
  std::vector<std::string> missing;
  EXPECT_TRUE(trained_workloads("", folder.string(), missing).empty());
  EXPECT_EQ(missing.size(), 1U);
  for (const char* name :
       {"net.balanced.sync", "net.magnitude.sync", "other.balanced.onnx", "net.sync"}) {
    std::ofstream(folder / name) << "";
  }
  const std::vector<Workload> found = trained_workloads("", folder.string(), missing);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].network, "trained: net");
  EXPECT_FALSE(found[1].make(Structure::fine, {}).has_value());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace syncopate::reproduce::sense
