#include "train/parameters.h"

#include <gtest/gtest.h>

#include <cmath>

#include "zoo/builder.h"

namespace syncopate::train {
namespace {

/// Three convolutions: plain, in two groups, and with a kernel that has no center.
ir::Graph three(std::uint64_t seed, Start start) {
  zoo::Builder net("three", seed, {1, 4, 8, 8});
  const ir::ValueId plain = net.conv("plain", net.input(), 8, {3, 1, 1}, 1, false);
  const ir::ValueId grouped = net.conv("grouped", plain, 6, {3, 1, 1}, 2, false);
  ir::Graph graph = std::move(net).finish(net.conv("even", grouped, 8, {2, 1, 0}, 1, false));
  initialize(graph, seed, start);
  return graph;
}

std::span<const float> weights(const ir::Graph& graph, const std::string& name) {
  for (const ir::Value& value : graph.values) {
    if (value.name == name) return value.constant->data<float>();
  }
  return {};
}

TEST(Initialize, IdentityHandsOnOneInputEach) {
  const ir::Graph graph = three(3, Start::identity), random = three(3, Start::he);
  const auto plain = weights(graph, "plain.weight"), grouped = weights(graph, "grouped.weight");
  ASSERT_EQ(plain.size(), 8U * 4 * 9);
  ASSERT_EQ(grouped.size(), 6U * 4 * 9);
  for (std::size_t o = 0; o < 4; ++o) {
    for (std::size_t i = 0; i < 4 * 9; ++i) EXPECT_EQ(plain[o * 36 + i], i == o * 9 + 4 ? 1 : 0);
  }
  for (std::size_t o = 0; o < 6; ++o) {  // three outputs a group, of four inputs
    for (std::size_t i = 0; i < 4 * 9; ++i) {
      EXPECT_EQ(grouped[o * 36 + i], i == o % 3 * 9 + 4 ? 1 : 0);
    }
  }
  const auto others = weights(random, "plain.weight");
  EXPECT_TRUE(std::equal(plain.begin() + 4 * 36, plain.end(), others.begin() + 4 * 36));
  const auto even = weights(graph, "even.weight"), same = weights(random, "even.weight");
  EXPECT_TRUE(std::equal(even.begin(), even.end(), same.begin(), same.end()));
}

TEST(Initialize, HeHasTheVarianceOfItsInputs) {
  zoo::Builder net("one", 1, {1, 64, 8, 8});
  ir::Graph graph = std::move(net).finish(net.conv("conv", net.input(), 64, {3, 1, 1}, 1, false));
  initialize(graph, 1);
  double squares = 0;
  const auto values = weights(graph, "conv.weight");
  for (const float value : values) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(squares / static_cast<double>(values.size()), 2.0 / (64 * 9), 1e-4);
}

}  // namespace
}  // namespace syncopate::train
