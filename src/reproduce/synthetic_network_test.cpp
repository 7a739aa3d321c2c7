#include "reproduce/synthetic_network.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ref/float_net.h"

namespace syncopate::reproduce {
namespace {

TEST(SyntheticNetwork, HasTheDensitiesOfTheTableInAnOrdinaryInference) {
  SyntheticOptions options;
  options.network = "alexnet";
  options.table = "han2015";
  options.structure = Structure::coarse;
  const SyntheticNetwork network = make_synthetic(options);
  EXPECT_TRUE(network.graph.synthetic);
  const auto wanted = zoo::densities("han2015", "alexnet");
  ASSERT_EQ(network.reached.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(network.reached[i].layer, wanted[i].layer);
    EXPECT_NEAR(network.reached[i].weights, wanted[i].weights, 0.005) << wanted[i].layer;
    EXPECT_NEAR(network.reached[i].output, wanted[i].output, 0.005) << wanted[i].layer;
  }
  const ref::FloatNet net(network.graph, {"pool2", "fc6.relu"});
  int seen = 0;
  net.run(std::span(&network.input, 1), [&](const std::string& name, const Tensor& value) {
    std::int64_t positive = 0;
    for (const float v : value.data<float>()) positive += v > 0 ? 1 : 0;
    const double density = static_cast<double>(positive) / static_cast<double>(value.size());
    EXPECT_NEAR(density, name == "pool2" ? 0.52 : 0.36, 0.005) << name;
    ++seen;
  });
  EXPECT_EQ(seen, 2);
}

// Batch normalization, residual sums and pooling behind rectifiers.
TEST(SyntheticNetwork, ThatIsNoChainHasTheDensitiesAskedFor) {
  SyntheticOptions options;
  options.network = "squeezenet";
  options.weights = 0.4;
  options.activations = 0.3;
  for (const char* name : {"squeezenet", "resnet20"}) {
    options.network = name;
    const SyntheticNetwork network = make_synthetic(options);
    int rectified = 0;
    for (const zoo::LayerDensity& layer : network.reached) {
      EXPECT_NEAR(layer.weights, 0.4, 0.005) << layer.layer;
      if (layer.layer == "fc" || layer.layer.ends_with("shortcut")) continue;  // Not rectified.
      EXPECT_NEAR(layer.output, 0.3, 0.01) << name << " " << layer.layer;
      ++rectified;
    }
    EXPECT_EQ(rectified, options.network == "resnet20" ? 19 : 26);
  }
}

TEST(SyntheticNetwork, ChannelsDiffer) {
  SyntheticOptions options;
  options.network = "resnet20";
  const SyntheticNetwork network = make_synthetic(options);
  const ref::FloatNet net(network.graph, {"layer1.0.relu"});
  std::vector<double> densities;
  net.run(std::span(&network.input, 1), [&](const std::string&, const Tensor& value) {
    const auto values = value.data<float>();
    for (std::size_t c = 0; c < 16; ++c) {
      const auto channel = values.subspan(c * 1024, 1024);
      const auto positive =
          std::count_if(channel.begin(), channel.end(), [](float v) { return v > 0; });
      densities.push_back(static_cast<double>(positive) / 1024);
    }
  });
  ASSERT_EQ(densities.size(), 16U);
  const auto [least, most] = std::minmax_element(densities.begin(), densities.end());
  EXPECT_LT(*least, 0.3);
  EXPECT_GT(*most, 0.7);
}

}  // namespace
}  // namespace syncopate::reproduce
