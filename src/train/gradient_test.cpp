// Every trainable operator's gradient against central differences, in double precision: with
// respect to its inputs, and to the constants that training changes.

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <set>

#include "base/random.h"
#include "train/module.h"
#include "train/random_operators.h"

namespace syncopate::train {
namespace {

constexpr int kRepeats = 6;
constexpr double kStep = 1e-6, kTolerance = 1e-6;

torch::Tensor as_double(const Tensor& tensor) {
  torch::Tensor result = torch::empty(tensor.shape(), torch::kDouble);
  double* out = result.data_ptr<double>();
  for (const float x : tensor.data<float>()) *out++ = static_cast<double>(x);
  return result;
}

/// A random weighted sum of the outputs, as a function of everything in `leaves`.
class Objective {
 public:
  Objective(Module& module, std::vector<torch::Tensor> inputs, bool training, Random& random)
      : module_(module), inputs_(std::move(inputs)), training_(training) {
    const torch::NoGradGuard guard;
    for (const torch::Tensor& y : module_.forward(inputs_, training_)) {
      const Shape shape(y.sizes().begin(), y.sizes().end());
      weights_.push_back(as_double(spread_values(random, shape)));
    }
  }
  torch::Tensor value() {
    torch::Tensor sum = torch::zeros({}, torch::kDouble);
    const auto outputs = module_.forward(inputs_, training_);
    for (std::size_t i = 0; i < outputs.size(); ++i) sum = sum + (outputs[i] * weights_[i]).sum();
    return sum;
  }

 private:
  Module& module_;
  std::vector<torch::Tensor> inputs_, weights_;
  bool training_;
};

/// Largest difference between the gradient in `leaf` and central differences.
double worst_error(Objective& objective, torch::Tensor leaf) {
  const torch::Tensor gradient =
      leaf.grad().defined() ? leaf.grad().contiguous() : torch::zeros_like(leaf);
  const torch::NoGradGuard guard;
  double worst = 0;
  double* x = leaf.data_ptr<double>();
  for (std::int64_t i = 0; i < leaf.numel(); ++i) {
    const double kept = x[i];
    x[i] = kept + kStep;
    const double above = objective.value().item<double>();
    x[i] = kept - kStep;
    const double below = objective.value().item<double>();
    x[i] = kept;
    const double expected = (above - below) / (2 * kStep);
    const double got = gradient.data_ptr<double>()[i];
    worst = std::max(worst, std::abs(got - expected) / std::max(1.0, std::abs(expected)));
  }
  return worst;
}

void check(const ir::Graph& graph, Random& random, bool training) {
  Module module(graph, {torch::kCPU, torch::kDouble, torch::kDouble});
  std::vector<torch::Tensor> inputs;
  for (const ir::ValueId id : graph.inputs) {
    inputs.push_back(
        as_double(spread_values(random, graph.value(id).shape)).set_requires_grad(true));
  }
  Objective objective(module, inputs, training, random);
  objective.value().backward();
  for (const torch::Tensor& input : inputs) {
    EXPECT_LT(worst_error(objective, input), kTolerance) << ir::to_text(graph);
  }
  for (Variable& parameter : module.parameters()) {
    EXPECT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
    EXPECT_LT(worst_error(objective, parameter.tensor), kTolerance) << parameter.name << "\n"
                                                                    << ir::to_text(graph);
  }
}

class Gradient : public testing::TestWithParam<OperatorCase> {};

TEST_P(Gradient, EqualsCentralDifferences) {
  Random random(std::hash<std::string>{}(GetParam().name));
  for (int i = 0; i < kRepeats; ++i) {
    const ir::Graph graph = GetParam().make(random);
    check(graph, random, true);
    check(graph, random, false);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Gradient, testing::ValuesIn(operator_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Gradients, AreCheckedForEveryOperator) {
  std::set<std::size_t> checked;
  Random random(1);
  for (const OperatorCase& one : operator_cases()) {
    for (const ir::Node& node : one.make(random).nodes) checked.insert(node.op.index());
  }
  // What is left is quantized, folded at import, or refused by name (see module_test.cpp).
  const std::set<std::string_view> others{"QuantizeLinear", "DequantizeLinear",
                                          "QLinearConv",    "QLinearMatMul",
                                          "Shape",          "ConstantOfShape"};
  const std::vector<ir::Op> refused{ir::QuantizeLinear{}, ir::DequantizeLinear{},
                                    ir::QLinearConv{},    ir::QLinearMatMul{},
                                    ir::ShapeOf{},        ir::ConstantOfShape{}};
  for (const ir::Op& op : refused) checked.insert(op.index());
  EXPECT_EQ(checked.size(), std::variant_size_v<ir::Op>);
}

TEST(Gradients, FlowThroughAWholeNetwork) {
  Random random(7);
  ir::Graph graph;
  graph.inputs = {graph.add_value({"x", DType::f32, {3, 2, 5, 5}, {}})};
  const ir::Window window{{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}};
  const auto constant = [&](const char* name, const Shape& shape) {
    return graph.add_constant(name, spread_values(random, shape));
  };
  ir::ValueId y = graph.add_node("conv", ir::Conv{window, 1},
                                 {graph.inputs[0], constant("w", {4, 2, 3, 3})}, "a");
  Tensor variance = Tensor::from<float>({4}, std::vector<float>{1, 2, 1, 2});
  y = graph.add_node("bn", ir::BatchNormalization{},
                     {y, constant("scale", {4}), constant("bias", {4}), constant("mean", {4}),
                      graph.add_constant("variance", variance)},
                     "b");
  y = graph.add_node("relu", ir::Unary{}, {y}, "c");
  y = graph.add_node("pool", ir::GlobalPool{}, {y}, "d");
  y = graph.add_node("flatten", ir::Flatten{1}, {y}, "e");
  y = graph.add_node("fc", ir::Gemm{1, 1, false, true},
                     {y, constant("fw", {3, 4}), constant("fb", {3})}, "f");
  graph.outputs = {graph.add_node("softmax", ir::Softmax{1}, {y}, "g")};
  ir::infer_shapes(graph);
  check(graph, random, true);
  check(graph, random, false);
}

}  // namespace
}  // namespace syncopate::train
