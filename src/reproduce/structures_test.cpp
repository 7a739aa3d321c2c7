#include "reproduce/structures.h"

#include <gtest/gtest.h>

#include <set>

#include "prune/prune.h"
#include "zoo/networks.h"

namespace syncopate::reproduce {
namespace {

constexpr const char* kNetwork = "cifar10-quick";  // Kernels of 5 x 5, and fully connected layers.

struct Layer {
  prune::Weights weights;
  prune::Mask mask;

  /// Weights left in a kernel.
  std::int64_t kept(std::int64_t o, std::int64_t i) const {
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < weights.kernel(); ++k) count += at(o, i, k);
    return count;
  }
  std::uint8_t at(std::int64_t o, std::int64_t i, std::int64_t k) const {
    return mask[static_cast<std::size_t>(
        weights.address(0, o, i, k / weights.width, k % weights.width))];
  }
};

std::vector<Layer> layers(Structure structure, double density) {
  ir::Graph graph = zoo::network(kNetwork);
  prune_to(graph, structure, {density, {}});
  std::vector<Layer> result;
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    result.push_back({layer.weights, prune::mask_of(*graph.value(layer.weights.value).constant)});
  }
  return result;
}

TEST(Structures, DenseKeepsEverything) {
  for (const Layer& layer : layers(Structure::dense, 0.1)) {
    EXPECT_EQ(std::count(layer.mask.begin(), layer.mask.end(), 1), std::ssize(layer.mask));
  }
}

TEST(Structures, BalancedKernelsAreEqualOrAlternate) {
  for (const Layer& layer : layers(Structure::balanced, 0.5)) {
    if (layer.weights.kernel() == 1) continue;
    std::set<std::int64_t> counts;
    for (std::int64_t i = 0; i < layer.weights.inputs; ++i) counts.insert(layer.kept(0, i));
    EXPECT_LE(counts.size(), 2U);
    EXPECT_TRUE(counts.contains(12) || counts.contains(13));  // Of 25.
  }
  for (const Layer& layer : layers(Structure::whole, 0.35)) {  // 8.75 of 25, 11.2 of 32.
    if (layer.weights.kernel() > 1) {
      for (std::int64_t i = 0; i < layer.weights.inputs; ++i) EXPECT_EQ(layer.kept(0, i), 9);
      continue;
    }
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < 32; ++i) first += layer.kept(0, i);
    EXPECT_EQ(first, 11);
  }
}

TEST(Structures, VectorsBalanceWhatAPeHolds) {
  ir::Graph graph = zoo::network("resnet50");
  prune_to(graph, Structure::vectors, {0.5, {}});
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    const prune::Weights& w = layer.weights;
    if (w.kernel() != 1 || w.fully_connected || w.inputs != 256) continue;
    const auto values = graph.value(w.value).constant->data<float>();
    for (std::int64_t i = 0; i < 256; i += 8) {  // 256 inputs are 8 in each of 32 rows.
      std::int64_t kept = 0;
      for (std::int64_t k = 0; k < 8; ++k) {
        kept += values[static_cast<std::size_t>(w.address(0, 1, i + k, 0, 0))] != 0;
      }
      EXPECT_EQ(kept, 4) << layer.node;
    }
  }
}

TEST(Structures, ColumnsAreTheSameInAllOutputsOfAGroup) {
  for (const Layer& layer : layers(Structure::columns, 0.4)) {
    const prune::Weights& w = layer.weights;
    ASSERT_LE(w.outputs, 128);
    for (std::int64_t i = 0; i < w.inputs; ++i) {
      for (std::int64_t k = 0; k < w.kernel(); ++k) {
        for (std::int64_t o = 1; o < w.outputs; ++o)
          EXPECT_EQ(layer.at(o, i, k), layer.at(0, i, k));
      }
    }
  }
}

TEST(Structures, PatternsAreFewAndOfOneSize) {
  for (const Layer& layer : layers(Structure::patterns, 0.5)) {
    const prune::Weights& w = layer.weights;
    std::set<std::string> masks;
    for (std::int64_t o = 0; o < w.outputs; ++o) {
      for (std::int64_t i = 0; i < w.inputs; ++i) {
        EXPECT_EQ(layer.kept(o, i), w.kernel() == 1 ? 1 : 12);  // Half a weight less than 12.5.
        std::string own;
        for (std::int64_t k = 0; k < w.kernel(); ++k) own += layer.at(o, i, k) != 0 ? '1' : '0';
        masks.insert(own);
      }
    }
    EXPECT_LE(masks.size(), 6U);
  }
}

TEST(Structures, AKernelTakesThePatternThatKeepsMostOfIt) {
  ir::Graph graph = zoo::network(kNetwork);
  const prune::Layer layer = prune::prunable_layers(graph).front();
  const auto values = graph.value(layer.weights.value).constant->data<float>();
  const prune::Masks few = pattern_masks(graph, {0.5, {}}, 2),
                     many = pattern_masks(graph, {0.5, {}}, 6);
  const auto kept = [&](const prune::Mask& mask) {
    double squares = 0;
    for (std::size_t a = 0; a < mask.size(); ++a) {
      squares += mask[a] * static_cast<double>(values[a]) * static_cast<double>(values[a]);
    }
    return squares;
  };
  EXPECT_GT(kept(many.at(layer.value)), kept(few.at(layer.value)));
}

}  // namespace
}  // namespace syncopate::reproduce
