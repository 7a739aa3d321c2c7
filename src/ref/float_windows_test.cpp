#include "ref/float_net_testing.h"

namespace syncopate::ref {
namespace {

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

TEST(FloatWindows, ConvolutionsOfAnyGeometryMatchTheDefinition) {
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

TEST(FloatWindows, TransposedConvolutionsMatchPlainLoops) {
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

TEST(FloatWindows, ATransposedConvolutionScattersItsKernel) {
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

TEST(FloatWindows, PoolsOfAnyGeometryMatchPlainLoops) {
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

TEST(FloatWindows, PoolingCountsPaddingOnlyWhenAsked) {
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

TEST(FloatWindows, MaximaReportWhereTheyAre) {
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

}  // namespace
}  // namespace syncopate::ref
