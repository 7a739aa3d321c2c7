// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/compare.h"
#include "ref/fixed_net.h"
#include "ref/interpret.h"
#include "ref/range_rules.h"

namespace syncopate::ref {
namespace {

using ir::Graph;
using ir::ValueId;

/// Builds small networks by hand.
class Net {
 public:
  explicit Net(Shape input) {
    ir::Value value;
    value.name = "input";
    value.shape = std::move(input);
    at_ = graph_.add_value(std::move(value));
    graph_.inputs = {at_};
    graph_.name = "net";
  }

  ValueId constant(const std::string& name, Shape shape, double low, double high) {
    Tensor tensor(DType::f32, std::move(shape));
    for (float& value : tensor.mutable_data<float>()) {
      value = static_cast<float>(low + random_.uniform() * (high - low));
    }
    return graph_.add_constant(name, tensor);
  }

  Net& then(const std::string& name, ir::Op op, std::vector<ValueId> others = {}) {
    others.insert(others.begin(), at_);
    at_ = graph_.add_node(name, std::move(op), others, name + "_out");
    return *this;
  }

  Net& conv(const std::string& name, std::int64_t in, std::int64_t out) {
    ir::Conv op;
    op.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    return then(
        name, op,
        {constant(name + "_w", {out, in, 3, 3}, -1, 1), constant(name + "_b", {out}, -1, 1)});
  }

  Net& normalize(const std::string& name, std::int64_t channels) {
    return then(
        name, ir::BatchNormalization{},
        {constant(name + "_s", {channels}, 0.5, 2), constant(name + "_b", {channels}, -1, 1),
         constant(name + "_m", {channels}, -1, 1), constant(name + "_v", {channels}, 0.5, 2)});
  }

  ir::Unary static unary(ir::UnaryKind kind) {
    ir::Unary op;
    op.kind = kind;
    return op;
  }

  Graph finish() {
    graph_.outputs = {at_};
    ir::infer_shapes(graph_);
    return graph_;
  }
  Graph& graph() { return graph_; }
  ValueId at() const { return at_; }

 private:
  Graph graph_;
  ValueId at_ = 0;
  Random random_{5};
};

std::vector<std::vector<Tensor>> random_inputs(const Graph& graph, int count) {
  Random random(11);
  std::vector<std::vector<Tensor>> result;
  for (int i = 0; i < count; ++i) {
    Tensor input(DType::f32, graph.value(graph.inputs[0]).shape);
    for (float& value : input.mutable_data<float>()) value = static_cast<float>(random.normal());
    result.push_back({input});
  }
  return result;
}

/// The ranges of all tensors by running the chain itself in double precision.
gconv::Ranges exact_ranges(const gconv::Chain& chain,
                           const std::vector<std::vector<Tensor>>& inputs) {
  gconv::Ranges ranges;
  for (const std::vector<Tensor>& one : inputs) {
    for (const auto& [name, values] : interpret_float(chain, one)) {
      double& range = ranges[name];
      for (const double value : values) range = std::max(range, std::abs(value));
    }
  }
  return ranges;
}

Graph residual_classifier() {
  Net net({1, 3, 8, 8});
  net.conv("c1", 3, 8).normalize("n1", 8).then("r1", Net::unary(ir::UnaryKind::relu));
  const ValueId shortcut = net.at();
  net.conv("c2", 8, 8).normalize("n2", 8).then("sum", ir::Binary{}, {shortcut});
  net.then("r2", Net::unary(ir::UnaryKind::relu)).then("pool", ir::GlobalPool{});
  net.then("flat", ir::Flatten{});
  ir::Gemm gemm;
  gemm.trans_b = true;
  net.then("fc", gemm, {net.constant("fc_w", {10, 8}, -1, 1), net.constant("fc_b", {10}, -1, 1)});
  return net.then("prob", ir::Softmax{}).finish();
}

TEST(Calibrate, WatchesOnlyWhatNeighborsDoNotTell) {
  const Graph graph = residual_classifier();
  const RangeRules rules(graph, gconv::lower(graph));
  EXPECT_EQ(rules.observed(), (std::set<std::string>{"fc_out", "n2_out", "pool_out", "prob_out",
                                                     "r1_out", "r2_out"}));
  EXPECT_TRUE(rules.evaluated().empty());
}

TEST(Calibrate, CoversEveryActivationOfTheChain) {
  const Graph graph = residual_classifier();
  const gconv::Chain chain = gconv::lower(graph);
  const auto inputs = random_inputs(graph, 3);
  const Calibration calibration = calibrate(graph, chain, inputs);
  const gconv::Ranges exact = exact_ranges(chain, inputs);
  const RangeRules rules(graph, chain);
  for (const auto& [name, info] : chain.tensors) {
    if (info.constant) continue;
    ASSERT_TRUE(calibration.ranges.contains(name)) << name;
    if (rules.observed().contains(name)) {
      EXPECT_NEAR(calibration.ranges.at(name) / exact.at(name), 1, 1e-4) << name;
    }
  }
  EXPECT_EQ(calibration.outputs.size(), 3U);
  EXPECT_EQ(calibration.outputs[0].at(0).shape(), (Shape{1, 10}));
}

TEST(Calibrate, DerivedRangesLoseNothing) {
  const Graph graph = residual_classifier();
  const gconv::Chain chain = gconv::lower(graph);
  const auto inputs = random_inputs(graph, 4);
  const Calibration calibration = calibrate(graph, chain, inputs);
  const gconv::Chain fixed =
      gconv::optimize(gconv::quantize(chain, calibration.ranges, gconv::QuantizeOptions{}));
  const FixedNet net(fixed);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<Tensor> outputs = net.dequantize(net.run(inputs[i]));
    EXPECT_GT(error_of(outputs[0], calibration.outputs[i][0]).snr_db, 60) << "input " << i;
  }
}

TEST(Calibrate, EvaluatesWhatExistsInTheChainOnly) {
  Net net({1, 4, 6, 6});
  net.then("p", ir::PRelu{}, {net.constant("slope", {4, 1, 1}, -0.5, 0.5)});
  const ValueId divisor = net.then("s", Net::unary(ir::UnaryKind::sigmoid)).at();
  ir::Binary divide;
  divide.kind = ir::BinaryKind::div;
  const Graph graph = net.conv("c", 4, 4).then("d", divide, {divisor}).finish();
  const gconv::Chain chain = gconv::lower(graph);
  const RangeRules rules(graph, chain);
  ASSERT_FALSE(rules.evaluated().empty());
  const auto inputs = random_inputs(graph, 2);
  const gconv::Ranges ranges = calibrate(graph, chain, inputs).ranges;
  const gconv::Ranges exact = exact_ranges(chain, inputs);
  for (const std::string& name : rules.evaluated()) {
    EXPECT_NEAR(ranges.at(name) / exact.at(name), 1, 1e-4) << name;
  }
}

/// Weights as integers behind a DequantizeLinear, one step per output channel.
ValueId quantized_weights(Graph& graph, const std::string& name, Shape shape, Random& random) {
  Tensor steps(DType::f32, {shape[0]});
  for (float& step : steps.mutable_data<float>()) {
    step = static_cast<float>(0.001 + 0.002 * random.uniform());
  }
  Tensor weights(DType::i8, shape);
  for (std::int8_t& weight : weights.mutable_data<std::int8_t>()) {
    weight = static_cast<std::int8_t>(random.integer(-127, 127));
  }
  const ValueId scale = graph.add_constant(name + "_scale", steps);
  const ValueId zero = graph.add_constant(name + "_zero", Tensor(DType::i8, {shape[0]}));
  return graph.add_node(name + "_dq", ir::DequantizeLinear{0},
                        {graph.add_constant(name, weights), scale, zero}, name + "_real");
}

/// conv -> relu -> conv -> relu -> pool -> conv, with 8-bit activations of the given zero point.
Graph qdq_classifier(const Tensor& zero) {
  Net net({1, 3, 8, 8});
  Random random(21);
  Graph& graph = net.graph();
  const ValueId point = graph.add_constant("zero", zero);
  const auto pair = [&](const std::string& name, float step) {
    const ValueId scale =
        graph.add_constant(name + "_scale", Tensor::from<float>({}, std::vector<float>{step}));
    net.then(name + "_q", ir::QuantizeLinear{0}, {scale, point});
    net.then(name + "_dq", ir::DequantizeLinear{0}, {scale, point});
  };
  const auto conv = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    ir::Conv op;
    op.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    net.then(name, op,
             {quantized_weights(graph, name + "_w", {out, in, 3, 3}, random),
              net.constant(name + "_b", {out}, -0.1, 0.1)});
  };
  pair("x", 0.03F);
  conv("c1", 3, 16);
  net.then("r1", Net::unary(ir::UnaryKind::relu));
  pair("a", 0.02F);
  conv("c2", 16, 16);
  net.then("r2", Net::unary(ir::UnaryKind::relu));
  pair("b", 0.025F);
  conv("c3", 16, 10);
  return net.finish();
}

/// The error of a QDQ network in fixed point against its own float answer, in dB.
double qdq_snr(const Graph& graph, int bits) {
  const gconv::Chain chain = gconv::lower(graph);
  const auto inputs = random_inputs(graph, 1);
  const Calibration calibration = calibrate(graph, chain, inputs);
  const gconv::Chain fixed =
      gconv::optimize(gconv::quantize(chain, calibration.ranges, {bits, bits}));
  EXPECT_EQ(fixed.gconvs.size(), 4U) << "one per convolution, and the input's";
  const FixedNet net(fixed);
  return error_of(net.dequantize(net.run(inputs[0]))[0], calibration.outputs[0][0]).snr_db;
}

Tensor zero_point(int value) {
  return Tensor::from<std::uint8_t>({},
                                    std::vector<std::uint8_t>{static_cast<std::uint8_t>(value)});
}

TEST(Calibrate, IntegersOfAQdqNetworkAreNoRanges) {
  const Graph graph = qdq_classifier(Tensor(DType::i8, {}));
  const gconv::Chain chain = gconv::lower(graph);
  const auto inputs = random_inputs(graph, 1);
  const gconv::Ranges ranges = calibrate(graph, chain, inputs).ranges;
  EXPECT_NEAR(ranges.at("a_q_out"), 128 * 0.02, 1e-6);
  EXPECT_NEAR(ranges.at("r1_out"), 128 * 0.02, 1e-6);
}

// The chain computes with the model's integers. A few results may round to another step, because
// float sums are not exact.
TEST(Calibrate, QdqNetworksComputeWithTheirOwnIntegers) {
  const Graph symmetric = qdq_classifier(Tensor(DType::i8, {}));
  EXPECT_GT(qdq_snr(symmetric, 16), 55);
  EXPECT_GT(qdq_snr(symmetric, 8), 55);
  EXPECT_GT(qdq_snr(qdq_classifier(zero_point(100)), 16), 55);
  // Up to 155 steps do not fit 8 bits, so those are rounded differently.
  EXPECT_GT(qdq_snr(qdq_classifier(zero_point(100)), 8), 25);
}

TEST(Calibrate, NamesTheLayerThatOverflows) {
  Net net({1, 3, 8, 8});
  net.conv("c1", 3, 4).then("r1", Net::unary(ir::UnaryKind::relu)).conv("c2", 4, 4);
  const ValueId weights = net.graph().find("c2_w");
  net.graph().value(weights).constant->mutable_data<float>()[0] = 3e38F;
  const Graph graph = net.then("r2", Net::unary(ir::UnaryKind::relu)).finish();
  const gconv::Chain chain = gconv::lower(graph);
  try {
    calibrate(graph, chain, random_inputs(graph, 1));
    FAIL() << "the overflow went unnoticed";
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.find("'r2'") != std::string::npos ||
                message.find("'c2'") != std::string::npos)
        << message;
    EXPECT_NE(message.find("calibration needs finite values"), std::string::npos) << message;
  }
}

TEST(Calibrate, RefusesBadInputs) {
  const Graph graph = residual_classifier();
  const gconv::Chain chain = gconv::lower(graph);
  EXPECT_THROW(calibrate(graph, chain, {}), InputError);
  auto inputs = random_inputs(graph, 1);
  inputs[0][0].mutable_data<float>()[5] = INFINITY;
  EXPECT_THROW(calibrate(graph, chain, inputs), InputError);
}

}  // namespace
}  // namespace syncopate::ref
