#include "ref/float_net.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/random.h"
#include "ref/float_kernels.h"

namespace syncopate::ref {
namespace {

using ir::Ints;
using ir::ValueId;

Tensor random_tensor(Random& random, const Shape& shape, double scale = 1) {
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>(scale * random.normal());
  }
  return tensor;
}

/// A graph of one node under construction.
struct Net {
  ir::Graph graph;
  std::vector<Tensor> inputs;

  ValueId input(const std::string& name, Tensor tensor) {
    const ValueId id = graph.add_value({name, tensor.dtype(), tensor.shape(), {}});
    graph.inputs.push_back(id);
    inputs.push_back(std::move(tensor));
    return id;
  }
  ValueId constant(const std::string& name, Tensor tensor) {
    return graph.add_constant(name, std::move(tensor));
  }
  ValueId node(const std::string& name, ir::Op op, std::vector<ValueId> from) {
    return graph.add_node(name, std::move(op), std::move(from), name);
  }
  void finish(std::vector<ValueId> outputs) {
    graph.outputs = std::move(outputs);
    ir::infer_shapes(graph);
    ir::verify(graph);
  }
  std::vector<Tensor> run() const { return FloatNet(graph).run(inputs); }
};

/// Every value of a graph by plain loops, node by node: the oracle of layouts and fusion.
std::map<std::string, Tensor> plain_values(const Net& net) {
  std::vector<Tensor> values(net.graph.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ir::Value& value = net.graph.values[i];
    values[i] = value.constant ? *value.constant : Tensor(value.dtype, value.shape);
  }
  const auto view = [&](ValueId id) {
    if (id == ir::kNoValue) return View{};
    Tensor& tensor = values[static_cast<std::size_t>(id)];
    return View{tensor.dtype(), tensor.shape(), tensor.mutable_raw().data()};
  };
  for (std::size_t i = 0; i < net.inputs.size(); ++i) {
    values[static_cast<std::size_t>(net.graph.inputs[i])] = net.inputs[i];
  }
  for (const ir::Node& node : net.graph.nodes) {
    std::vector<View> in, out;
    for (ValueId id : node.inputs) in.push_back(view(id));
    for (ValueId id : node.outputs) out.push_back(view(id));
    run_plain({node, in, out});
  }
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < values.size(); ++i) named[net.graph.values[i].name] = values[i];
  return named;
}

/// Equal up to rounding of sums of about `size`; NaN equals NaN.
void expect_near(const Tensor& actual, const Tensor& expected, double tolerance = 1e-4) {
  ASSERT_EQ(actual.shape(), expected.shape());
  ASSERT_EQ(actual.dtype(), expected.dtype());
  if (actual.dtype() != DType::f32) {
    EXPECT_EQ(actual, expected);
    return;
  }
  const auto a = actual.data<float>(), e = expected.data<float>();
  double scale = 1;
  for (float value : e) {
    if (std::isfinite(value)) scale = std::max(scale, std::abs(static_cast<double>(value)));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(e[i])) {
      ASSERT_NEAR(a[i], e[i], tolerance * scale) << "element " << i;
    } else if (std::isnan(e[i])) {
      ASSERT_TRUE(std::isnan(a[i])) << "element " << i << " is " << a[i];
    } else {
      ASSERT_EQ(a[i], e[i]) << "element " << i;
    }
  }
}

/// FloatNet, with all values observed and with none, against plain loops.
void expect_like_plain(const Net& net) {
  const std::map<std::string, Tensor> expected = plain_values(net);
  const std::vector<Tensor> outputs = net.run();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    expect_near(outputs[i], expected.at(net.graph.value(net.graph.outputs[i]).name));
  }
  std::set<std::string> all;
  for (const ir::Value& value : net.graph.values) all.insert(value.name);
  const FloatNet observed(net.graph, all);
  std::set<std::string> seen;
  observed.run(net.inputs, [&](const std::string& name, const Tensor& value) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(seen.insert(name).second) << "reported twice";
    expect_near(value, expected.at(name));
  });
  EXPECT_EQ(seen, all);
  std::set<std::string> ranged;
  observed.run_ranges(net.inputs, [&](const std::string& name, float largest) {
    EXPECT_TRUE(ranged.insert(name).second);
    if (expected.at(name).dtype() != DType::f32) return;
    float truth = 0;
    for (float x : expected.at(name).data<float>()) {
      if (!(std::abs(x) <= truth) && !std::isnan(truth)) truth = std::abs(x);
    }
    SCOPED_TRACE(name);
    expect_near(Tensor::from<float>({}, std::vector<float>{largest}),
                Tensor::from<float>({}, std::vector<float>{truth}));
  });
  EXPECT_EQ(ranged, all);
}

/// out[n,m,...] straight from the definition, any number of spatial dimensions.
Tensor naive_conv(const Tensor& x, const Tensor& w, const Tensor& bias, const ir::Conv& op,
                  const Shape& y_shape) {
  Tensor y(DType::f32, y_shape);
  const Shape xs = row_major_strides(x.shape()), ws = row_major_strides(w.shape());
  const Shape ys = row_major_strides(y_shape);
  const std::size_t spatial = op.window.kernel.size();
  const std::int64_t ins = w.shape()[1], per_group = w.shape()[0] / op.group;
  const auto out = y.mutable_data<float>();
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t n = i / ys[0], m = i / ys[1] % y_shape[1];
    double sum = static_cast<double>(bias.data<float>()[static_cast<std::size_t>(m)]);
    for (std::int64_t k = 0; k < ws[0]; ++k) {
      const std::int64_t c = k / ws[1] + m / per_group * ins;
      std::int64_t at = n * xs[0] + c * xs[1];
      bool inside = true;
      for (std::size_t d = 0; d < spatial; ++d) {
        const std::int64_t o = i / ys[d + 2] % y_shape[d + 2], t = k / ws[d + 2] % w.shape()[d + 2];
        const std::int64_t p =
            o * op.window.strides[d] + t * op.window.dilations[d] - op.window.pads_begin[d];
        inside = inside && p >= 0 && p < x.shape()[d + 2];
        at += p * xs[d + 2];
      }
      if (!inside) continue;
      sum += static_cast<double>(x.data<float>()[static_cast<std::size_t>(at)]) *
             static_cast<double>(w.data<float>()[static_cast<std::size_t>(m * ws[0] + k)]);
    }
    out[static_cast<std::size_t>(i)] = static_cast<float>(sum);
  }
  return y;
}

/// Random geometry that leaves at least one output per dimension.
ir::Window random_window(Random& random, std::size_t spatial, const Shape& x) {
  ir::Window window;
  for (std::size_t d = 0; d < spatial; ++d) {
    window.kernel.push_back(random.integer(1, 3));
    window.strides.push_back(random.integer(1, 3));
    window.dilations.push_back(window.kernel[d] * 2 - 1 <= x[d + 2] ? random.integer(1, 2) : 1);
    window.pads_begin.push_back(random.integer(0, window.kernel[d] - 1));
    window.pads_end.push_back(random.integer(0, window.kernel[d] - 1));
  }
  return window;
}

Shape random_input(Random& random, std::size_t spatial, std::int64_t channels) {
  Shape x{random.integer(1, 2), channels};
  for (std::size_t d = 0; d < spatial; ++d) x.push_back(random.integer(3, 9));
  return x;
}

TEST(FloatNet, ConvolutionsOfAnyGeometryMatchTheDefinition) {
  Random random(1);
  const std::int64_t sizes[] = {1, 3, 8, 16, 20};
  for (int trial = 0; trial < 120; ++trial) {
    SCOPED_TRACE(trial);
    const auto spatial = static_cast<std::size_t>(random.integer(1, 3));
    const std::int64_t group = random.chance(0.5) ? 1 : random.integer(2, 4);
    const std::int64_t ins = sizes[random.integer(0, 4)], outs = sizes[random.integer(0, 4)];
    const Shape x_shape = random_input(random, spatial, ins * group);
    const ir::Conv op{random_window(random, spatial, x_shape), group};
    Shape w_shape{outs * group, ins};
    w_shape.insert(w_shape.end(), op.window.kernel.begin(), op.window.kernel.end());
    Net net;
    const ValueId x = net.input("x", random_tensor(random, x_shape));
    const Tensor w = random_tensor(random, w_shape), b = random_tensor(random, {outs * group});
    // Weights that arrive as inputs take another path than constant ones.
    const bool fixed = random.chance(0.8);
    const ValueId weights = fixed ? net.constant("w", w) : net.input("w", w);
    const ValueId y = net.node("y", op, {x, weights, net.constant("b", b)});
    net.finish({y});
    expect_near(net.run()[0], naive_conv(net.inputs[0], w, b, op, net.graph.value(y).shape));
  }
}

TEST(FloatNet, TransposedConvolutionsMatchPlainLoops) {
  Random random(2);
  for (int trial = 0; trial < 60; ++trial) {
    SCOPED_TRACE(trial);
    const auto spatial = static_cast<std::size_t>(random.integer(1, 3));
    const std::int64_t group = random.integer(1, 2), ins = random.integer(1, 5);
    const std::int64_t outs = random.integer(1, 5);
    const Shape x_shape = random_input(random, spatial, ins * group);
    ir::ConvTranspose op{random_window(random, spatial, x_shape), group, {}};
    for (std::size_t d = 0; d < spatial; ++d) {
      op.output_padding.push_back(random.integer(0, op.window.strides[d] - 1));
    }
    Shape w_shape{ins * group, outs};
    w_shape.insert(w_shape.end(), op.window.kernel.begin(), op.window.kernel.end());
    Net net;
    const ValueId x = net.input("x", random_tensor(random, x_shape));
    const ValueId w = net.constant("w", random_tensor(random, w_shape));
    const ValueId b = net.constant("b", random_tensor(random, {outs * group}));
    net.finish({net.node("y", op, {x, w, b})});
    expect_like_plain(net);
  }
}

TEST(FloatNet, ATransposedConvolutionScattersItsKernel) {
  // One input element at (1, 1) of 3x3, stride 2: the kernel appears at rows and columns 2 to 4.
  Net net;
  Tensor x(DType::f32, {1, 1, 3, 3});
  x.mutable_data<float>()[4] = 2;
  const Tensor w = Tensor::from<float>({1, 1, 3, 3}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  const ir::Window window{{3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
  const ValueId in = net.input("x", x);
  net.finish({net.node("y", ir::ConvTranspose{window, 1, {0, 0}}, {in, net.constant("w", w)})});
  const Tensor y = net.run()[0];
  ASSERT_EQ(y.shape(), (Shape{1, 1, 7, 7}));
  for (std::int64_t r = 0; r < 7; ++r) {
    for (std::int64_t c = 0; c < 7; ++c) {
      const bool hit = r >= 2 && r < 5 && c >= 2 && c < 5;
      const double expected = hit ? 2.0 * static_cast<double>((r - 2) * 3 + c - 2 + 1) : 0;
      EXPECT_EQ(y.data<float>()[static_cast<std::size_t>(r * 7 + c)], expected);
    }
  }
}

TEST(FloatNet, PoolsOfAnyGeometryMatchPlainLoops) {
  Random random(3);
  for (int trial = 0; trial < 120; ++trial) {
    SCOPED_TRACE(trial);
    const auto spatial = static_cast<std::size_t>(random.integer(1, 3));
    const Shape x_shape = random_input(random, spatial, random.integer(1, 20));
    ir::Pool op;
    op.window = random_window(random, spatial, x_shape);
    op.kind = random.chance(0.5) ? ir::PoolKind::max : ir::PoolKind::average;
    op.count_include_pad = random.chance(0.5);
    op.ceil_mode = random.chance(0.5);
    Net net;
    net.finish({net.node("y", op, {net.input("x", random_tensor(random, x_shape))})});
    expect_like_plain(net);
  }
}

TEST(FloatNet, PoolingCountsPaddingOnlyWhenAsked) {
  const Tensor x = Tensor::from<float>({1, 1, 4}, std::vector<float>{1, 2, 3, 4});
  ir::Pool op{ir::PoolKind::average, {{3}, {2}, {1}, {1}, {1}}, false, false, false};
  const auto run = [&] {
    Net net;
    net.finish({net.node("y", op, {net.input("x", x)})});
    return net.run()[0];
  };
  EXPECT_EQ(run(), Tensor::from<float>({1, 1, 2}, std::vector<float>{1.5F, 3}));
  op.count_include_pad = true;
  EXPECT_EQ(run(), Tensor::from<float>({1, 1, 2}, std::vector<float>{1, 3}));
  op.ceil_mode = true;  // The third window sees 4 and one padded element.
  EXPECT_EQ(run(), Tensor::from<float>({1, 1, 3}, std::vector<float>{1, 3, 2}));
}

TEST(FloatNet, MaximaReportWhereTheyAre) {
  Net net;
  const Tensor x = Tensor::from<float>({1, 1, 2, 3}, std::vector<float>{1, 5, 2, 7, 0, 3});
  ir::Pool op{ir::PoolKind::max, {{2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, false, false, true};
  ir::Node node{"pool", op, {net.input("x", x)}, {}};
  node.outputs = {net.graph.add_value({"y", DType::f32, {}, {}}),
                  net.graph.add_value({"at", DType::i64, {}, {}})};
  net.graph.nodes.push_back(node);
  net.finish(node.outputs);
  const std::vector<Tensor> y = net.run();
  EXPECT_EQ(y[0], Tensor::from<float>({1, 1, 1, 2}, std::vector<float>{7, 5}));
  EXPECT_EQ(y[1], Tensor::from<std::int64_t>({1, 1, 1, 2}, std::vector<std::int64_t>{1, 2}));
}

/// A residual block with everything that fuses: norm, addition, several activations.
Net residual_net(Random& random, const Shape& x_shape, std::int64_t width, ir::Unary activation) {
  Net net;
  const std::int64_t ins = x_shape[1];
  const ir::Window one{{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
  const ir::Window three{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const auto norm = [&](const std::string& name, ValueId x, std::int64_t channels) {
    const auto parameter = [&](const std::string& what, double low) {
      Tensor tensor = Tensor::uninitialized(DType::f32, {channels});
      for (float& v : tensor.mutable_data<float>()) v = static_cast<float>(low + random.uniform());
      return net.constant(name + what, tensor);
    };
    return net.node(
        name, ir::BatchNormalization{},
        {x, parameter("s", -0.5), parameter("b", -0.5), parameter("m", -0.5), parameter("v", 0.5)});
  };
  const ValueId x = net.input("x", random_tensor(random, x_shape));
  ValueId y = net.node("c1", ir::Conv{three, 1},
                       {x, net.constant("w1", random_tensor(random, {width, ins, 3, 3}, 0.3))});
  y = net.node("a1", activation, {norm("n1", y, width)});
  const ValueId trunk = y;
  y = net.node("c2", ir::Conv{one, 1},
               {y, net.constant("w2", random_tensor(random, {width, width, 1, 1}, 0.3))});
  y = net.node("add", ir::Binary{}, {norm("n2", y, width), trunk});
  y = net.node("a2", activation, {y});
  // The same value twice, and a value that is still needed after the addition.
  const ValueId doubled = net.node("twice", ir::Binary{}, {y, y});
  const ValueId w3 = net.constant("w3", random_tensor(random, {width, width, 3, 3}, 0.2));
  ValueId z = net.node("c3", ir::Conv{three, 1}, {doubled, w3});
  z = net.node("sum", ir::Binary{}, {z, doubled});
  const ValueId joined = net.node("concat", ir::Concat{1}, {z, trunk, doubled, z});
  const ValueId scale = net.constant("scale", random_tensor(random, {4 * width, 1, 1}));
  const ValueId scaled = net.node("scaled", ir::Binary{ir::BinaryKind::mul}, {scale, joined});
  const ValueId pooled = net.node("pooled", ir::GlobalPool{}, {norm("n3", scaled, 4 * width)});
  const ValueId flat = net.node("flat", ir::Flatten{1}, {pooled});
  ir::Gemm gemm;
  gemm.trans_b = true;
  gemm.alpha = 0.5F;
  gemm.beta = 2;
  const ValueId dense = net.node("dense", gemm,
                                 {flat, net.constant("w4", random_tensor(random, {7, 4 * width})),
                                  net.constant("b4", random_tensor(random, {7}))});
  net.finish({net.node("out", ir::Unary{}, {dense}), joined});
  return net;
}

TEST(FloatNet, FusionAndLayoutsDoNotChangeAnyValue) {
  Random random(4);
  for (std::int64_t batch : {1, 2, 6}) {
    for (std::int64_t width : {3, 8, 16, 32}) {
      for (const ir::Unary& unary :
           {ir::Unary{}, ir::Unary{ir::UnaryKind::clip, 0, 6},
            ir::Unary{ir::UnaryKind::leaky_relu, 0.1F, 0},
            ir::Unary{ir::UnaryKind::hard_sigmoid, 0.2F, 0.5F},
            ir::Unary{ir::UnaryKind::hard_swish}, ir::Unary{ir::UnaryKind::sigmoid}}) {
        SCOPED_TRACE(fmt::format("batch {} width {} activation {}", batch, width,
                                 static_cast<int>(unary.kind)));
        expect_like_plain(residual_net(random, {batch, 5, 6, 7}, width, unary));
      }
    }
  }
}

TEST(FloatNet, RunsAreRepeatable) {
  Random random(5);
  const Net net = residual_net(random, {1, 3, 8, 8}, 16, {});
  const FloatNet compiled(net.graph);
  const std::vector<Tensor> first = compiled.run(net.inputs);
  const std::vector<Tensor> other = compiled.run(std::vector{random_tensor(random, {1, 3, 8, 8})});
  const std::vector<Tensor> again = compiled.run(net.inputs);
  EXPECT_EQ(first[0], again[0]);
  EXPECT_EQ(first[1], again[1]);
  EXPECT_FALSE(first[1] == other[1]);
}

TEST(FloatNet, NetsForOneRunComputeTheSame) {
  Random random(15);
  for (const std::int64_t width : {3, 16, 32}) {
    Net net = residual_net(random, {1, 3, 8, 8}, width, {});
    const FloatNet once(net.graph, {}, Runs::once);
    const std::vector<Tensor> expected = FloatNet(net.graph).run(net.inputs);
    EXPECT_EQ(once.run(net.inputs), expected) << width;
    once.run(std::vector{random_tensor(random, {1, 3, 8, 8})});
    EXPECT_EQ(once.run(net.inputs), expected) << width << ", after another input";
  }
}

TEST(FloatNet, NanOfWeightsIsNeverLost) {
  Random random(16);
  Net net = residual_net(random, {1, 3, 8, 8}, 16, {});
  for (ir::Value& value : net.graph.values) {
    if (value.name == "w2") {
      value.constant->mutable_data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  const auto expected = plain_values(net);
  for (const Runs runs : {Runs::once, Runs::often}) {
    expect_near(FloatNet(net.graph, {}, runs).run(net.inputs)[0], expected.at("out"));
  }
}

TEST(FloatNet, NanAndInfinityAreNeverLost) {
  Random random(6);
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(), 3e38F};
  for (float value : bad) {
    SCOPED_TRACE(value);
    Net net = residual_net(random, {1, 3, 8, 8}, 16, {});
    net.inputs[0].mutable_data<float>()[70] = value;
    const auto expected = plain_values(net);
    const std::vector<Tensor> outputs = net.run();
    expect_near(outputs[0], expected.at("out"));
    expect_near(outputs[1], expected.at("concat"));
    const FloatNet observed(net.graph, {"a1", "n1"});
    std::map<std::string, int> reports;
    observed.run(net.inputs, [&](const std::string& name, const Tensor& tensor) {
      ++reports[name];
      expect_near(tensor, expected.at(name));
    });
    EXPECT_EQ(reports, (std::map<std::string, int>{{"a1", 1}, {"n1", 1}}));
    observed.run_ranges(net.inputs, [&](const std::string&, float largest) {
      EXPECT_TRUE(!std::isnan(value) || std::isnan(largest));
      EXPECT_TRUE(!std::isinf(value) || !std::isfinite(largest));
    });
  }
}

TEST(FloatNet, AnOverflowInsideTheNetworkShows) {
  // Inputs are fine, but the products of the second layer overflow to +inf - inf = NaN.
  Net net;
  const ir::Window one{{1}, {1}, {1}, {0}, {0}};
  const auto weights = [&](const std::string& name, float a, float b) {
    return net.constant(name, Tensor::from<float>({2, 2, 1}, std::vector<float>{a, a, b, -b}));
  };
  const ValueId x = net.input("x", Tensor::from<float>({1, 2, 1}, std::vector<float>{1, 1}));
  const ValueId a = net.node("a", ir::Conv{one, 1}, {x, weights("w", 1e30F, 1e30F)});
  const ValueId b = net.node("b", ir::Conv{one, 1}, {a, weights("v", 1e30F, 1e30F)});
  const ValueId c = net.node("c", ir::Conv{one, 1}, {b, weights("u", 1, 1)});
  net.finish({net.node("y", ir::Unary{}, {c})});
  EXPECT_EQ(net.run()[0].data<float>()[0], std::numeric_limits<float>::infinity());
  expect_like_plain(net);
}

TEST(FloatNet, DeepNetworksStayOnTheFastPath) {
  // Bounds multiply from layer to layer; measuring again must rescue them, exactly.
  Random random(7);
  Net net;
  const ir::Window three{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  ValueId x = net.input("x", random_tensor(random, {1, 16, 6, 6}));
  for (int i = 0; i < 60; ++i) {
    const Tensor w = random_tensor(random, {16, 16, 3, 3}, std::sqrt(2.0 / (16 * 9)));
    x = net.node(fmt::format("c{}", i), ir::Conv{three, 1},
                 {x, net.constant(fmt::format("w{}", i), w)});
    x = net.node(fmt::format("r{}", i), ir::Unary{}, {x});
  }
  net.finish({x});
  expect_near(net.run()[0], plain_values(net).at("r59"), 1e-3);
}

TEST(FloatNet, MatrixProductsMatchPlainLoops) {
  Random random(8);
  for (int trial = 0; trial < 60; ++trial) {
    SCOPED_TRACE(trial);
    Net net;
    const std::int64_t m = random.integer(1, 9), k = random.integer(1, 200);
    const std::int64_t n = random.integer(1, 150);
    ir::Gemm op{static_cast<float>(random.normal()), static_cast<float>(random.normal()),
                random.chance(0.3), random.chance(0.5)};
    const ValueId a = net.input("a", random_tensor(random, op.trans_a ? Shape{k, m} : Shape{m, k}));
    const Tensor weights = random_tensor(random, op.trans_b ? Shape{n, k} : Shape{k, n});
    const bool fixed = random.chance(0.7);
    const ValueId b = fixed ? net.constant("b", weights) : net.input("b", weights);
    const Shape shapes[] = {{n}, {1, n}, {m, n}, {m, 1}, {1}, {}};
    const Tensor c = random_tensor(random, shapes[random.integer(0, 5)]);
    const ValueId bias = random.chance(0.7) ? net.constant("c", c) : net.input("c", c);
    net.finish({net.node("r", ir::Unary{}, {net.node("y", op, {a, b, bias})})});
    expect_like_plain(net);
  }
  const std::pair<Shape, Shape> batched[] = {
      {{2, 3, 4}, {4, 5}},       {{4}, {4, 5}},          {{3, 4}, {4}},    {{4}, {4}},
      {{2, 1, 3, 4}, {5, 4, 2}}, {{2, 7, 4}, {2, 4, 3}}, {{9, 4}, {4, 6}}, {{4}, {2, 4, 3}}};
  for (const auto& [left, right] : batched) {
    SCOPED_TRACE(to_string(left) + " times " + to_string(right));
    Net net;
    const ValueId a = net.input("a", random_tensor(random, left));
    net.finish({net.node("y", ir::MatMul{}, {a, net.input("b", random_tensor(random, right))})});
    expect_like_plain(net);
  }
}

TEST(FloatNet, IntegersAndOddOperandsWork) {
  Net net;
  const auto ints = [](const Shape& shape, const std::vector<std::int32_t>& values) {
    return Tensor::from<std::int32_t>(shape, values);
  };
  const ValueId a = net.input("a", ints({2, 2}, {7, -7, 2147483647, -2147483647 - 1}));
  const ValueId b = net.input("b", ints({2}, {2, -1}));
  const ValueId quotient = net.node("div", ir::Binary{ir::BinaryKind::div}, {a, b});
  const ValueId sum = net.node("add", ir::Binary{}, {a, b});
  const ValueId product = net.node("mm", ir::MatMul{}, {a, b});
  const ValueId relu = net.node("relu", ir::Unary{}, {a});
  net.finish({quotient, sum, product, relu});
  const std::vector<Tensor> y = net.run();
  EXPECT_EQ(y[0], ints({2, 2}, {3, 7, 1073741823, -2147483647 - 1}));
  EXPECT_EQ(y[1], ints({2, 2}, {9, -8, -2147483647, 2147483647}));
  EXPECT_EQ(y[2], ints({2}, {21, 2147483646}));
  EXPECT_EQ(y[3], ints({2, 2}, {7, 0, 2147483647, 0}));
}

TEST(FloatNet, QuantizationRoundsHalfToEvenAndSaturates) {
  Net net;
  const Tensor x = Tensor::from<float>(
      {2, 3},
      std::vector<float>{0.5F, 1.5F, -2.5F, 1000, -1000, std::numeric_limits<float>::infinity()});
  const ValueId in = net.input("x", x);
  const ValueId scale = net.constant("s", Tensor::from<float>({}, std::vector<float>{1}));
  const ValueId zero =
      net.constant("z", Tensor::from<std::int8_t>({}, std::vector<std::int8_t>{3}));
  const ValueId q = net.node("q", ir::QuantizeLinear{1}, {in, scale, zero});
  net.finish({q, net.node("d", ir::DequantizeLinear{1}, {q, scale, zero})});
  const std::vector<Tensor> y = net.run();
  EXPECT_EQ(y[0],
            Tensor::from<std::int8_t>({2, 3}, std::vector<std::int8_t>{3, 5, 1, 127, -128, 127}));
  EXPECT_EQ(y[1], Tensor::from<float>({2, 3}, std::vector<float>{0, 2, -2, 124, -131, 124}));
}

TEST(FloatNet, QuantizedConvolutionIsExact) {
  Random random(9);
  Net net;
  const auto bytes = [&](const Shape& shape) {
    Tensor tensor(DType::u8, shape);
    for (auto& v : tensor.mutable_data<std::uint8_t>()) {
      v = static_cast<std::uint8_t>(random.integer(0, 255));
    }
    return tensor;
  };
  const auto scalar = [&](const std::string& name, float value) {
    return net.constant(name, Tensor::from<float>({}, std::vector<float>{value}));
  };
  const auto zero = [&](const std::string& name, std::uint8_t value) {
    return net.constant(name, Tensor::from<std::uint8_t>({}, std::vector<std::uint8_t>{value}));
  };
  const Tensor x = bytes({1, 2, 3, 3}), w = bytes({2, 2, 2, 2});
  const Tensor scales = Tensor::from<float>({2}, std::vector<float>{0.5F, 0.25F});
  const Tensor zeros = Tensor::from<std::uint8_t>({2}, std::vector<std::uint8_t>{100, 130});
  const Tensor bias = Tensor::from<std::int32_t>({2}, std::vector<std::int32_t>{1000, -2000});
  const ir::QLinearConv op{{{2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, 1};
  const ValueId in = net.input("x", x);
  net.finish({net.node(
      "y", op,
      {in, scalar("xs", 0.125F), zero("xz", 17), net.constant("w", w), net.constant("ws", scales),
       net.constant("wz", zeros), scalar("ys", 16), zero("yz", 128), net.constant("b", bias)})});
  const Tensor y = net.run()[0];
  for (int m = 0; m < 2; ++m) {
    for (int o = 0; o < 4; ++o) {
      int sum = bias.data<std::int32_t>()[static_cast<std::size_t>(m)];
      for (int k = 0; k < 8; ++k) {
        const int at = k / 4 * 9 + (o / 2 + k / 2 % 2) * 3 + o % 2 + k % 2;
        sum += (x.data<std::uint8_t>()[static_cast<std::size_t>(at)] - 17) *
               (w.data<std::uint8_t>()[static_cast<std::size_t>(m * 8 + k)] - (m ? 130 : 100));
      }
      const double real = sum * 0.125 * (m ? 0.25 : 0.5) / 16;
      const double expected = std::min(255.0, std::max(0.0, std::nearbyint(real) + 128));
      EXPECT_EQ(y.data<std::uint8_t>()[static_cast<std::size_t>(m * 4 + o)], expected);
    }
  }
}

TEST(FloatNet, MovesFollowTheirIndexFormulas) {
  Net net;
  const Tensor x = Tensor::from<float>({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const ValueId in = net.input("x", x);
  const ValueId pad = net.node("pad", ir::Pad{ir::PadMode::constant, {0, 1}, {1, -1}, 9}, {in});
  const ValueId reflect = net.node("ref", ir::Pad{ir::PadMode::reflect, {1, 2}, {0, 1}, 0}, {in});
  const ValueId edge = net.node("edge", ir::Pad{ir::PadMode::edge, {1, 0}, {0, 2}, 0}, {in});
  const ValueId slice = net.node("slice", ir::Slice{{-1, 0}, {-100, 3}, {1, 0}, {-2, 1}}, {in});
  const ValueId turned = net.node("turned", ir::Transpose{{1, 0}}, {in});
  const ValueId mean = net.node("mean", ir::ReduceMean{{-1}, false}, {in});
  const ValueId picks =
      net.constant("i", Tensor::from<std::int64_t>({2, 1}, std::vector<std::int64_t>{-1, 0}));
  const ValueId gathered = net.node("gathered", ir::Gather{1}, {in, picks});
  net.finish({pad, reflect, edge, slice, turned, mean, gathered});
  const std::vector<Tensor> y = net.run();
  const auto floats = [](const Shape& shape, const std::vector<float>& v) {
    return Tensor::from<float>(shape, v);
  };
  EXPECT_EQ(y[0], floats({3, 3}, {9, 1, 2, 9, 4, 5, 9, 9, 9}));
  EXPECT_EQ(y[1], floats({3, 6}, {6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5}));
  EXPECT_EQ(y[2], floats({3, 5}, {1, 2, 3, 3, 3, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6}));
  EXPECT_EQ(y[3], floats({2, 2}, {3, 1, 6, 4}));
  EXPECT_EQ(y[4], floats({3, 2}, {1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(y[5], floats({2}, {2, 5}));
  EXPECT_EQ(y[6], floats({2, 2, 1}, {3, 1, 6, 4}));
}

TEST(FloatNet, WrongInputsAreNamed) {
  Random random(10);
  const Net net = residual_net(random, {1, 3, 8, 8}, 8, {});
  const FloatNet compiled(net.graph);
  const auto message = [&](const std::vector<Tensor>& inputs) -> std::string {
    try {
      compiled.run(inputs);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({}), "network '' takes 1 input(s), 0 given");
  EXPECT_EQ(message({Tensor(DType::f32, {1, 3, 8, 9})}),
            "input 'x' is 1x3x8x9 of f32, expected 1x3x8x8 of f32");
  EXPECT_EQ(message({Tensor(DType::i8, {1, 3, 8, 8})}),
            "input 'x' is 1x3x8x8 of i8, expected 1x3x8x8 of f32");
  EXPECT_THROW(FloatNet(net.graph, {"nothing"}), InputError);
}

TEST(FloatNet, UndefinedIntegersAreRefused) {
  const auto run = [](ir::Op op, const Tensor& x, std::vector<Tensor> constants) {
    Net net;
    std::vector<ValueId> inputs{net.input("x", x)};
    for (const Tensor& c : constants) {
      inputs.push_back(net.constant(fmt::format("c{}", inputs.size()), c));
    }
    net.finish({net.node("y", std::move(op), inputs)});
    return net.run();
  };
  const Tensor nan = Tensor::from<float>({1}, std::vector<float>{std::nanf("")});
  const Tensor one = Tensor::from<std::int64_t>({1}, std::vector<std::int64_t>{1});
  const Tensor zero = Tensor::from<std::int64_t>({1}, std::vector<std::int64_t>{0});
  EXPECT_THROW(run(ir::Cast{DType::i32}, nan, {}), InputError);
  EXPECT_THROW(run(ir::Binary{ir::BinaryKind::div}, one, {zero}), InputError);
  EXPECT_THROW(run(ir::Gather{0}, one, {one}), InputError);
}

}  // namespace
}  // namespace syncopate::ref
