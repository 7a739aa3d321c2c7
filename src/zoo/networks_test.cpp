#include "zoo/networks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace syncopate::zoo {
namespace {

struct Count {
  std::int64_t macs = 0, parameters = 0;
};

Count count(const ir::Graph& graph) {
  Count result;
  for (const ir::Node& node : graph.nodes) result.macs += ir::macs_of(graph, node);
  for (const ir::Value& value : graph.values) {
    if (value.constant) result.parameters += value.constant->size();
  }
  return result;
}

TEST(Networks, HaveThePublishedSizes) {
  // Parameters: published counts; batch norms add running mean and variance to those.
  EXPECT_EQ(count(alexnet()).parameters, 60'965'224);
  EXPECT_EQ(count(vgg16()).parameters, 138'357'544);
  EXPECT_EQ(count(resnet50()).parameters, 25'557'032 + 53'120);
  EXPECT_EQ(count(squeezenet()).parameters, 1'235'496);
  EXPECT_EQ(count(googlenet()).parameters, 6'998'552);
  EXPECT_EQ(count(cifar10_quick()).parameters, 145'578);
  EXPECT_EQ(count(lenet5()).parameters, 431'080);
  EXPECT_EQ(count(shapes_net()).parameters, 169'258);
  EXPECT_EQ(count(lenet_300_100()).parameters, 266'610);
  EXPECT_EQ(count(vgg16()).macs, 15'470'264'320);
  EXPECT_EQ(count(resnet50()).macs, 4'089'184'256);
}

TEST(Networks, OutputOneScorePerClassAndAreMarkedSynthetic) {
  for (const Entry& entry : networks()) {
    const ir::Graph graph = entry.build(3, 2);
    SCOPED_TRACE(entry.name);
    ir::verify(graph);
    EXPECT_TRUE(graph.synthetic);
    EXPECT_EQ(graph.value(graph.inputs.at(0)).name, "input");
    const ir::Value& output = graph.value(graph.outputs.at(0));
    EXPECT_EQ(output.name, "logits");
    const bool small = graph.value(graph.inputs.at(0)).shape[2] <= 32;
    EXPECT_EQ(output.shape, (Shape{2, small ? 10 : 1000}));
  }
}

TEST(Networks, WeightsAreHeScaledAndFollowTheSeed) {
  const ir::Graph graph = resnet20(5);
  const Tensor& weight = *graph.value(graph.find("layer3.1.conv1.weight")).constant;
  double sum = 0, squares = 0;
  for (float w : weight.data<float>()) {
    sum += w;
    squares += static_cast<double>(w) * w;
  }
  const double n = static_cast<double>(weight.size());
  EXPECT_NEAR(sum / n, 0, 0.005);
  EXPECT_NEAR(std::sqrt(squares / n), std::sqrt(2.0 / (64 * 9)), 0.001);
  EXPECT_EQ(weight, *resnet20(5).value(graph.find("layer3.1.conv1.weight")).constant);
  EXPECT_FALSE(weight == *resnet20(6).value(graph.find("layer3.1.conv1.weight")).constant);
}

TEST(Networks, AnUnknownNameListsTheKnownOnes) {
  try {
    network("vgg17");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "unknown network 'vgg17'; the zoo has alexnet, vgg16, resnet50, googlenet, squeezenet, "
        "resnet20, resnet56, vgg16-cifar, cifar10-quick, lenet5, lenet-300-100, shapes-net");
  }
}

}  // namespace
}  // namespace syncopate::zoo
