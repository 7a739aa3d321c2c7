// What training computes is what the float executor computes: every operator, and networks of the
// zoo, whole.

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstring>

#include "base/random.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "ref/float_net.h"
#include "train/module.h"
#include "train/random_operators.h"
#include "zoo/networks.h"

namespace syncopate::train {
namespace {

torch::Tensor to_torch(const Tensor& tensor) {
  torch::Tensor result = torch::empty(tensor.shape(), torch::kFloat);
  std::memcpy(result.data_ptr(), tensor.raw().data(), tensor.bytes());
  return result;
}

/// Largest difference of the first outputs, relative to the largest output.
void expect_close(const torch::Tensor& got, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(Shape(got.sizes().begin(), got.sizes().end()), expected.shape()) << what;
  const torch::Tensor dense = got.detach().contiguous();
  const float* a = dense.data_ptr<float>();
  float largest = 1e-3F, worst = 0;
  for (const float b : expected.data<float>()) {
    worst = std::max(worst, std::abs(*a++ - b));
    largest = std::max(largest, std::abs(b));
  }
  EXPECT_LT(worst / largest, 1e-4F) << what;
}

class Operator : public testing::TestWithParam<OperatorCase> {};

TEST_P(Operator, EqualsTheFloatExecutor) {
  Random random(std::hash<std::string>{}(GetParam().name) + 1);
  for (int i = 0; i < 12; ++i) {
    const ir::Graph graph = GetParam().make(random);
    std::vector<Tensor> inputs;
    std::vector<torch::Tensor> torch_inputs;
    for (const ir::ValueId id : graph.inputs) {
      inputs.push_back(spread_values(random, graph.value(id).shape));
      torch_inputs.push_back(to_torch(inputs.back()));
    }
    Module module(graph, {});
    const torch::NoGradGuard guard;
    expect_close(module.forward(torch_inputs, false)[0], ref::FloatNet(graph).run(inputs)[0],
                 ir::to_text(graph));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Operator, testing::ValuesIn(operator_cases()),
                         [](const auto& test) { return test.param.name; });

/// A batch of three pictures is what three runs of the batch-1 graph give.
void compare_network(const std::string& name) {
  const ir::Graph graph = zoo::network(name);
  Module module(graph, {});
  Shape shape = graph.value(graph.inputs[0]).shape;
  Random random(5);
  std::vector<Tensor> pictures;
  std::vector<torch::Tensor> parts;
  for (int i = 0; i < 3; ++i) {
    Tensor picture(DType::f32, shape);
    for (float& x : picture.mutable_data<float>()) x = static_cast<float>(random.normal());
    parts.push_back(to_torch(picture));
    pictures.push_back(std::move(picture));
  }
  const torch::NoGradGuard guard;
  const torch::Tensor together = module.logits(torch::cat(parts), false);
  const ref::FloatNet net(graph);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Tensor expected = net.run(std::span(&pictures[i], 1))[0];
    expect_close(together.slice(0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1),
                 expected, name);
  }
}

TEST(Network, OfTheZooEqualsTheFloatExecutor) {
  for (const char* name : {"lenet5", "lenet-300-100", "cifar10-quick", "resnet20", "vgg16-cifar",
                           "squeezenet", "googlenet"}) {
    compare_network(name);
  }
}

/// Training leaves batch normalization in place, so the exported network has every node it had.
TEST(Network, ExportedAndReadBackIsTheSame) {
  ir::Graph graph = zoo::network("resnet20");
  initialize(graph, 3);
  Module module(graph, {});
  Random random(9);
  Tensor picture(DType::f32, {1, 3, 32, 32});
  for (float& x : picture.mutable_data<float>()) x = static_cast<float>(random.normal());
  const torch::Tensor input = to_torch(picture);
  {
    const torch::NoGradGuard guard;
    module.forward({input.expand({4, 3, 32, 32}).contiguous()}, true);  // moves the statistics
  }
  const std::string bytes = onnx::export_bytes(module.graph());
  const ir::Graph read = onnx::import_bytes(std::as_bytes(std::span(bytes)), "exported");
  EXPECT_EQ(read.nodes.size(), graph.nodes.size());
  const torch::NoGradGuard guard;
  expect_close(module.forward({input}, false)[0],
               ref::FloatNet(read).run(std::span(&picture, 1))[0], "exported");
}

}  // namespace
}  // namespace syncopate::train
