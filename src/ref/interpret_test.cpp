#include "ref/interpret.h"

#include <gtest/gtest.h>

#include <cmath>

namespace syncopate::ref {
namespace {

using gconv::Chain;
using gconv::Dim;
using gconv::FixedPost;
using gconv::GConv;
using gconv::Main;
using gconv::PostOp;
using gconv::Pre;
using gconv::Reduce;
using gconv::TensorInfo;

TensorInfo info(std::int64_t elements, DType dtype) {
  TensorInfo result;
  result.elements = elements;
  result.dtype = dtype;
  result.scale = dtype == DType::f32 ? 0 : 1;
  result.shape = {elements};
  return result;
}

/// A chain of one GCONV from "x" to "y".
Chain single(GConv gconv, std::int64_t inputs, std::int64_t outputs, bool quantized) {
  Chain chain;
  chain.name = "single";
  chain.quantized = quantized;
  chain.tensors["x"] = info(inputs, quantized ? DType::i16 : DType::f32);
  chain.tensors["y"] = info(outputs, quantized ? DType::i64 : DType::f32);
  chain.inputs = {"x"};
  chain.outputs = {"y"};
  gconv.name = "g";
  gconv.input.tensor = "x";
  gconv.output.tensor = "y";
  chain.gconvs.push_back(std::move(gconv));
  return chain;
}

std::vector<std::int64_t> run(const Chain& chain, const std::vector<std::int16_t>& x) {
  const std::vector<Tensor> inputs{
      Tensor::from<std::int16_t>({static_cast<std::int64_t>(x.size())}, x)};
  const auto values = interpret(chain, inputs);
  const auto y = values.at("y").data<std::int64_t>();
  return {y.begin(), y.end()};
}

GConv sliding(std::int64_t size, std::int64_t kernel, std::int64_t outputs, std::int64_t pad) {
  GConv gconv;
  Dim dim;
  dim.name = "W";
  dim.nks = kernel;
  dim.nopc = outputs;
  dim.nips = size;
  dim.pad = pad;
  gconv.dims = {dim};
  gconv.input.strides = {1};
  gconv.output.strides = {1};
  return gconv;
}

TEST(Interpret, ConvolvesWithPaddingStrideAndDilation) {
  GConv gconv = sliding(5, 2, 3, 1);
  gconv.dims[0].stride = 2;
  gconv.dims[0].dilation = 2;
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.kernel = gconv::View{"w", 0, {1}};
  Chain chain = single(gconv, 5, 3, true);
  chain.tensors["w"] = info(2, DType::i16);
  chain.tensors["w"].constant = Tensor::from<std::int16_t>({2}, std::vector<std::int16_t>{10, 1});
  // Taps at 2*o - 1 and 2*o + 1; outside counts as zero.
  EXPECT_EQ(run(chain, {1, 2, 3, 4, 5}), (std::vector<std::int64_t>{2, 24, 40}));
}

TEST(Interpret, GroupsKeepTheirKernelsAndInputsApart) {
  GConv gconv;
  Dim c;
  c.name = "C";
  c.ng = 2;
  c.nop = 2;
  c.nks = 2;
  c.nips = 2;
  gconv.dims = {c};
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.input.strides = {1};
  gconv.output.strides = {1};
  gconv.kernel = gconv::View{"w", 0, {1}};
  Chain chain = single(gconv, 4, 4, true);
  chain.tensors["w"] = info(8, DType::i16);
  chain.tensors["w"].constant =
      Tensor::from<std::int16_t>({8}, std::vector<std::int16_t>{1, 0, 0, 1, 1, 1, 1, -1});
  EXPECT_EQ(run(chain, {1, 2, 3, 4}), (std::vector<std::int64_t>{1, 2, 7, -1}));
}

TEST(Interpret, MaximumIgnoresPadding) {
  GConv gconv = sliding(3, 3, 3, 1);
  gconv.reduce = Reduce::max;
  EXPECT_EQ(run(single(gconv, 3, 3, true), {-5, -7, -9}), (std::vector<std::int64_t>{-5, -5, -7}));
}

TEST(Interpret, SquaresBeforeSumming) {
  GConv gconv = sliding(3, 2, 2, 0);
  gconv.pre = Pre::square;
  gconv.reduce = Reduce::add;
  EXPECT_EQ(run(single(gconv, 3, 2, true), {-32768, 3, 4}),
            (std::vector<std::int64_t>{32768LL * 32768 + 9, 25}));
}

TEST(Interpret, FactorsBringOperandsToOneScale) {
  GConv gconv = sliding(1, 1, 1, 0);
  gconv.dims[0].ng = 2;  // a second operand is indexed by group and kernel, not by position
  gconv.main = Main::sub;
  gconv.input_factor = 3;
  gconv.kernel_factor = 5;
  gconv.kernel = gconv::View{"x", 0, {1}};
  EXPECT_EQ(run(single(gconv, 2, 2, true), {7, -2}), (std::vector<std::int64_t>{-14, 4}));
}

TEST(Interpret, RequantizesPerChannelRoundingTiesToEven) {
  GConv gconv = sliding(4, 1, 4, 0);
  gconv.channel = "W";
  gconv.fixed = FixedPost{{1, 1, 1, 100}, {0}, {1}, -100, 20, nullptr};
  EXPECT_EQ(run(single(gconv, 4, 4, true), {1, 3, -3, 50}),
            (std::vector<std::int64_t>{0, 2, -2, 20}));
}

TEST(Interpret, LooksUpTheClampedValue) {
  GConv gconv = sliding(3, 1, 3, 0);
  gconv.fixed = FixedPost{
      {1},
      {0},
      {0},
      -1,
      1,
      std::make_shared<const std::vector<std::int16_t>>(std::vector<std::int16_t>{70, 80, 90})};
  EXPECT_EQ(run(single(gconv, 3, 3, true), {-9, 0, 1}), (std::vector<std::int64_t>{70, 80, 90}));
}

TEST(Interpret, QuantizesFloatInputsAndStoresChannelsLast) {
  GConv gconv = sliding(4, 1, 4, 0);
  Chain chain = single(gconv, 4, 4, true);
  chain.tensors["x"].shape = {1, 2, 2};
  chain.tensors["x"].layout = "NWC";
  chain.tensors["x"].scale = 0.5;
  const std::vector<Tensor> inputs{
      Tensor::from<float>({1, 2, 2}, std::vector<float>{0.25F, 0.75F, 1e9F, -1e9F})};
  const auto values = interpret(chain, inputs);
  const auto y = values.at("y").data<std::int64_t>();
  EXPECT_EQ((std::vector<std::int64_t>{y.begin(), y.end()}),
            (std::vector<std::int64_t>{0, 32767, 2, -32767}));
}

TEST(Interpret, RefusesInputsThatDoNotFit) {
  const Chain chain = single(sliding(4, 1, 4, 0), 4, 4, true);
  EXPECT_THROW(interpret(chain, {}), InputError);
  const std::vector<Tensor> small{Tensor(DType::i16, {3})};
  EXPECT_THROW(interpret(chain, small), InputError);
  const std::vector<Tensor> nan{Tensor::from<float>({4}, std::vector<float>{0, 0, NAN, 0})};
  EXPECT_THROW(interpret(chain, nan), InputError);
}

TEST(InterpretFloat, AppliesPostOperationsInOrder) {
  GConv gconv = sliding(2, 1, 2, 0);
  gconv.channel = "W";
  PostOp affine;
  affine.scale = {2, 3};
  affine.bias = {1};
  PostOp clamp;
  clamp.kind = PostOp::Kind::clamp;
  clamp.low = 0;
  clamp.high = 6;
  PostOp power;
  power.kind = PostOp::Kind::function;
  power.function = gconv::Function::power;
  power.alpha = 0.5;
  power.beta = 2;
  power.gamma = 1;
  gconv.post = {affine, clamp, power};
  const Chain chain = single(gconv, 2, 2, false);
  const std::vector<Tensor> inputs{Tensor::from<float>({2}, std::vector<float>{1, 5})};
  const auto values = interpret_float(chain, inputs);
  EXPECT_DOUBLE_EQ(values.at("y")[0], 1 / (2.5 * 2.5));
  EXPECT_DOUBLE_EQ(values.at("y")[1], 1 / 16.0);
}

}  // namespace
}  // namespace syncopate::ref
