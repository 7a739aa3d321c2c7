#include "flow/qdq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "ref/float_net.h"

namespace syncopate::flow {
namespace {

Tensor random_tensor(Shape shape, std::uint64_t seed, double low = -1, double high = 1) {
  Random random(seed);
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>(low + (high - low) * random.uniform());
  }
  return tensor;
}

/// input [1,3,6,6] -> Conv 8 -> BatchNormalization -> Relu -> MaxPool -> Flatten -> Gemm -> logits
ir::Graph network() {
  ir::Graph graph;
  graph.source = "net";
  const ir::ValueId x = graph.add_value({"input", DType::f32, {1, 3, 6, 6}, std::nullopt});
  graph.inputs = {x};
  const ir::Window same{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const ir::ValueId conv =
      graph.add_node("conv", ir::Conv{same, 1},
                     {x, graph.add_constant("w", random_tensor({8, 3, 3, 3}, 1))}, "conv_out");
  const ir::ValueId norm =
      graph.add_node("bn", ir::BatchNormalization{},
                     {conv, graph.add_constant("s", random_tensor({8}, 2, 0.5, 2)),
                      graph.add_constant("b", random_tensor({8}, 3)),
                      graph.add_constant("m", random_tensor({8}, 4)),
                      graph.add_constant("v", random_tensor({8}, 5, 0.5, 2))},
                     "bn_out");
  const ir::ValueId relu = graph.add_node("relu", ir::Unary{}, {norm}, "relu_out");
  const ir::Window halves{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
  ir::Pool max;
  max.window = halves;
  const ir::ValueId pool = graph.add_node("pool", max, {relu}, "pool_out");
  const ir::ValueId flat = graph.add_node("flatten", ir::Flatten{1}, {pool}, "flat_out");
  ir::Gemm gemm;
  gemm.trans_b = true;
  const ir::ValueId logits = graph.add_node(
      "fc", gemm, {flat, graph.add_constant("fw", random_tensor({10, 72}, 6))}, "logits");
  graph.outputs = {logits};
  ir::infer_shapes(graph);
  return graph;
}

gconv::Ranges ranges_of(const ir::Graph& graph, const Tensor& input) {
  gconv::Ranges ranges;
  std::set<std::string> names;
  for (const ir::Node& node : graph.nodes) names.insert(graph.value(node.outputs[0]).name);
  const auto record = [&](const std::string& name, const Tensor& value) {
    for (const float v : value.data<float>()) {
      ranges[name] = std::max(ranges[name], static_cast<double>(std::abs(v)));
    }
  };
  record("input", input);
  const std::vector<Tensor> inputs{input};
  ref::FloatNet(graph, names).run(inputs, record);
  return ranges;
}

std::int64_t count_of(const ir::Graph& graph, std::string_view op) {
  return std::count_if(graph.nodes.begin(), graph.nodes.end(),
                       [&](const ir::Node& node) { return ir::name_of(node.op) == op; });
}

TEST(Qdq, KeepsTheAnswerAndFoldsBatchNorm) {
  const ir::Graph graph = network();
  const Tensor input = random_tensor({1, 3, 6, 6}, 7);
  const ir::Graph quantized = to_qdq(graph, ranges_of(graph, input));
  ir::verify(quantized);
  EXPECT_EQ(count_of(quantized, "BatchNormalization"), 0);
  EXPECT_EQ(count_of(quantized, "QuantizeLinear"), 2) << "the input and what Relu stores";
  EXPECT_EQ(count_of(quantized, "DequantizeLinear"), 4) << "and two weight tensors";

  const std::vector<Tensor> inputs{input};
  const Tensor wanted = ref::FloatNet(graph).run(inputs)[0];
  const Tensor got = ref::FloatNet(quantized).run(inputs)[0];
  double error = 0, energy = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    const double w = static_cast<double>(wanted.data<float>()[i]);
    error += std::pow(static_cast<double>(got.data<float>()[i]) - w, 2);
    energy += w * w;
  }
  EXPECT_LT(std::sqrt(error / energy), 0.02);
  EXPECT_GT(error, 0) << "8 bits cannot be exact here";
}

TEST(Qdq, CodebooksGetOneScale) {
  ir::Graph graph = network();
  const ir::ValueId w = graph.find("w");
  for (float& value : graph.value(w).constant->mutable_data<float>()) {
    value = std::round(value * 4) / 4;
  }
  const ir::Graph quantized = to_qdq(graph, ranges_of(graph, random_tensor({1, 3, 6, 6}, 7)));
  EXPECT_EQ(quantized.value(quantized.find("fc/weights_scale")).constant->size(), 10);
  // 9 levels in 8 channels are at most 72 values even after folding.
  EXPECT_EQ(quantized.value(quantized.find("conv/weights_scale")).constant->size(), 1);
}

TEST(Qdq, RefusesWhatIsQuantizedAlready) {
  const ir::Graph graph = network();
  const gconv::Ranges ranges = ranges_of(graph, random_tensor({1, 3, 6, 6}, 7));
  const ir::Graph once = to_qdq(graph, ranges);
  try {
    to_qdq(once, ranges);
    FAIL() << "accepted a quantized network";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("is quantized already; give the float network"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace syncopate::flow
