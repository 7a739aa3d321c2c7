#include <cmath>
#include <limits>

#include "ref/float_net_testing.h"

namespace syncopate::ref {
namespace {

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
