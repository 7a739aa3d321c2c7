// Batch normalization in bf16, with and without a rectifier, against torch's in double precision:
// outputs, all gradients, running statistics.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "base/random.h"
#include "train/conv_fixture.h"
#include "train/module.h"
#include "train/operators.h"
#include "train/threads_fixture.h"

namespace syncopate::train {
namespace {

constexpr double kEpsilon = 1e-3, kMomentum = 0.3;

/// A batch normalization, and the rectifier behind it.
ir::Graph graph_of(Random& random, const Shape& shape, bool rectify) {
  ir::Graph graph;
  graph.inputs = {graph.add_value({"x", DType::f32, shape, {}})};
  const auto constant = [&](const char* name, double middle, double scale) {
    std::vector<float> values(static_cast<std::size_t>(shape[1]));
    for (float& value : values) value = static_cast<float>(middle + scale * random.normal());
    return graph.add_constant(name, Tensor::from<float>({shape[1]}, values));
  };
  ir::BatchNormalization op;
  op.epsilon = static_cast<float>(kEpsilon);
  ir::ValueId y =
      graph.add_node("bn", op,
                     {graph.inputs[0], constant("scale", 1, 0.5), constant("shift", 0, 0.5),
                      constant("mean", 0, 1), constant("variance", 2, 0.1)},
                     "y");
  if (rectify) y = graph.add_node("relu", ir::Unary{}, {y}, "z");
  graph.outputs = {y};
  ir::infer_shapes(graph);
  return graph;
}

/// Output, gradient of the input, of scale and shift, running mean and variance.
std::vector<torch::Tensor> trained(const ir::Graph& graph, const torch::Tensor& x,
                                   const torch::Tensor& weights, torch::ScalarType storage) {
  Module module(graph, {torch::kCPU, storage, torch::kBFloat16});
  const torch::Tensor leaf = x.detach().clone().set_requires_grad(true);
  const torch::Tensor y = module.forward({leaf}, true, kMomentum)[0];
  (y * weights).sum().backward();
  std::vector<torch::Tensor> results{y.detach(), leaf.grad()};
  for (const Variable& parameter : module.parameters()) results.push_back(parameter.tensor.grad());
  for (const Variable& statistic : module.statistics()) results.push_back(statistic.tensor);
  return results;
}

torch::Tensor pictures(Random& random, const Shape& shape, double middle) {
  return (random_tensor(random, shape, 1) + middle)
      .contiguous(torch::MemoryFormat::ChannelsLast)
      .to(torch::kBFloat16);
}

class BatchNorm : public testing::TestWithParam<std::tuple<Shape, bool>> {};

TEST_P(BatchNorm, EqualsTorchInDouble) {
  const auto& [shape, rectify] = GetParam();
  Random random(19);
  const ir::Graph graph = graph_of(random, shape, rectify);
  // Means far from zero: squares less the mean's would lose the variance.
  const torch::Tensor x = pictures(random, shape, 20), weights = pictures(random, shape, 0);
  const auto wanted =
      trained(graph, x.to(torch::kDouble), weights.to(torch::kDouble), torch::kDouble);
  const auto got = trained(graph, x, weights, torch::kFloat);
  ASSERT_EQ(got.size(), 6U);
  EXPECT_EQ(got[0].scalar_type(), torch::kBFloat16);
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].sizes(), wanted[i].sizes()) << i;
    const double largest = wanted[i].abs().max().item<double>();
    const double error = (got[i].to(torch::kDouble) - wanted[i]).abs().max().item<double>();
    EXPECT_LE(error, (i < 2 ? 0.004 : 1e-5) * largest) << "result " << i;  // the first two are bf16
  }
}

// Channels that share vectors, fill them or straddle them; rows beside multiples of what is taken
// at once; several blocks.
INSTANTIATE_TEST_SUITE_P(Shapes, BatchNorm,
                         testing::Combine(testing::Values(Shape{8, 16, 32, 32}, Shape{5, 7, 3, 9},
                                                          Shape{3, 300, 11, 13}, Shape{3, 1, 2, 2},
                                                          Shape{64, 64, 8, 8}),
                                          testing::Bool()));

TEST(BatchNormalization, DoesNotDependOnThreads) {
  Random random(20);
  const Shape shape{16, 24, 32, 31};
  const ir::Graph graph = graph_of(random, shape, true);
  const torch::Tensor x = pictures(random, shape, 1), weights = pictures(random, shape, 0);
  const auto results =
      on_threads({1, 3}, [&] { return trained(graph, x, weights, torch::kFloat); });
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
  }
}

TEST(BatchNormalization, KeepsWhatIsNotANumber) {
  Random random(21);
  const Shape shape{2, 16, 4, 4};
  const ir::Graph graph = graph_of(random, shape, true);
  torch::Tensor x = pictures(random, shape, 0);
  x[1][3][2][2] = std::numeric_limits<double>::quiet_NaN();
  const torch::Tensor y = trained(graph, x, torch::ones_like(x), torch::kFloat)[0];
  const torch::Tensor bad = torch::isnan(y).any(3).any(2).any(0);
  for (int c = 0; c < 16; ++c) EXPECT_EQ(bad[c].item<bool>(), c == 3) << c;
}

/// A normalization that is an output stays as it is, also with a rectifier behind it.
TEST(BatchNormalization, IsNotRectifiedAsAnOutput) {
  Random random(23);
  const Shape shape{4, 16, 6, 6};
  ir::Graph graph = graph_of(random, shape, true);
  graph.outputs.insert(graph.outputs.begin(), graph.nodes[0].outputs[0]);
  const torch::Tensor x = pictures(random, shape, 0);
  EXPECT_LT(trained(graph, x, torch::ones_like(x), torch::kFloat)[0].min().item<float>(), 0);
}

/// What else reads a normalization sees it as it was.
TEST(BatchNormalization, IsRectifiedForItsRectifierAlone) {
  Random random(22);
  const Shape shape{4, 16, 6, 6};
  ir::Graph graph = graph_of(random, shape, true);
  const ir::ValueId normalized = graph.nodes[0].outputs[0];
  graph.outputs = {graph.add_node("sum", ir::Binary{ir::BinaryKind::add},
                                  {normalized, graph.outputs[0]}, "sum")};
  ir::infer_shapes(graph);
  const torch::Tensor x = pictures(random, shape, 0), weights = pictures(random, shape, 0);
  const auto wanted =
      trained(graph, x.to(torch::kDouble), weights.to(torch::kDouble), torch::kDouble);
  const auto got = trained(graph, x, weights, torch::kFloat);
  for (std::size_t i = 0; i < 2; ++i) {
    const double error = (got[i].to(torch::kDouble) - wanted[i]).abs().max().item<double>();
    EXPECT_LT(error, 0.01 * wanted[i].abs().max().item<double>()) << i;
  }
}

}  // namespace
}  // namespace syncopate::train
