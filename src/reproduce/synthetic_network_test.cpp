#include "reproduce/synthetic_network.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace syncopate::reproduce
