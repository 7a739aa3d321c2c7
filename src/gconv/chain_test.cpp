#include "gconv/chain.h"

#include <gtest/gtest.h>

#include <limits>

#include "gconv/fixed_post.h"

namespace syncopate::gconv {
namespace {

/// y[c] = sum over k of x[k] * w[c][k], 3 outputs of 4 inputs, with a bias.
Chain dense() {
  Chain chain;
  chain.name = "dense";
  chain.inputs = {"x"};
  chain.outputs = {"y"};
  chain.tensors["x"].elements = 4;
  chain.tensors["y"].elements = 3;
  TensorInfo& weights = chain.tensors["w"];
  weights.elements = 12;
  weights.constant = Tensor(DType::f32, {3, 4});
  GConv gconv;
  gconv.name = gconv.layer = "fc";
  Dim dim;
  dim.name = "C";
  dim.nop = 3;
  dim.nks = dim.nips = 4;
  gconv.dims = {dim};
  gconv.channel = "C";
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.input = {"x", 0, {1}};
  gconv.kernel = View{"w", 0, {1}};
  gconv.output = {"y", 0, {1}};
  PostOp bias;
  bias.scale = {1};
  bias.bias = {0.5, std::numeric_limits<double>::infinity(), 1.0 / 3};
  gconv.post = {bias};
  chain.gconvs = {gconv};
  return chain;
}

Chain quantized_dense(std::int64_t multiplier) {
  Chain chain = dense();
  chain.quantized = true;
  for (auto& [name, info] : chain.tensors) {
    info.dtype = DType::i16;
    info.scale = 0.25;
  }
  Tensor weights(DType::i16, {3, 4});
  for (std::int16_t& weight : weights.mutable_data<std::int16_t>()) {
    weight = -100;
  }
  chain.tensors["w"].constant = weights;
  chain.gconvs[0].fixed = FixedPost{{multiplier}, {0}, {20}, -32767, 32767, nullptr};
  return chain;
}

std::string error_of(const Chain& chain) {
  try {
    verify(chain);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

std::map<std::string, Tensor> constants(const Chain& chain) {
  return {{"w", *chain.tensors.at("w").constant}};
}

std::string parse_error(const std::string& text, const std::map<std::string, Tensor>& given) {
  try {
    parse_text(text, given);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(FixedPost, RoundsHalfToEvenOnBothSidesOfZero) {
  const FixedPost halves{{1}, {0}, {1}, -100, 100, nullptr};
  EXPECT_EQ(apply(halves, 0, 1), 0);
  EXPECT_EQ(apply(halves, 0, 3), 2);
  EXPECT_EQ(apply(halves, 0, 5), 2);
  EXPECT_EQ(apply(halves, 0, -1), 0);
  EXPECT_EQ(apply(halves, 0, -3), -2);
  EXPECT_EQ(apply(halves, 0, -5), -2);
  EXPECT_EQ(round_shift(7, 2), 2);  // 1.75
  EXPECT_EQ(round_shift(-7, 2), -2);
  EXPECT_EQ(round_shift(-5, 2), -1);  // -1.25
}

TEST(FixedPost, ClampsThenLooksUpPerChannel) {
  const auto table =
      std::make_shared<const std::vector<std::int16_t>>(std::vector<std::int16_t>{7, 8, 9});
  const FixedPost post{{2, 3}, {0, 1}, {0}, -1, 1, table};
  EXPECT_EQ(apply(post, 0, -5), 7);
  EXPECT_EQ(apply(post, 0, 0), 8);
  EXPECT_EQ(apply(post, 1, 0), 9);
}

TEST(Verify, AcceptsADenseLayer) {
  EXPECT_EQ(error_of(dense()), "");
  EXPECT_EQ(error_of(quantized_dense(1000)), "");
}

TEST(Verify, NamesTheViewThatLeavesItsTensor) {
  Chain chain = dense();
  chain.gconvs[0].kernel->base = 1;
  EXPECT_EQ(error_of(chain),
            "gconv 'fc': the kernel view covers 1..12 of tensor 'w', which has 12 elements");
}

TEST(Verify, RefusesReadsBeforeWrites) {
  Chain chain = dense();
  chain.inputs.clear();
  EXPECT_EQ(error_of(chain), "gconv 'fc' reads tensor 'x' before it is written");
}

TEST(Verify, RefusesWindowsWithoutReduction) {
  Chain chain = dense();
  chain.gconvs[0].reduce = Reduce::none;
  EXPECT_EQ(error_of(chain),
            "gconv 'fc', dimension C: no reduction, but it has a window or padding");
}

TEST(Verify, RefusesMissingKernelsAndRepeatedNames) {
  Chain chain = dense();
  chain.gconvs[0].kernel.reset();
  EXPECT_EQ(error_of(chain), "gconv 'fc': main mul without a kernel");
  chain = dense();
  chain.gconvs.push_back(chain.gconvs[0]);
  EXPECT_EQ(error_of(chain), "gconv name 'fc' is empty or used twice");
}

TEST(Verify, RefusesWrongNumbersOfPostEntries) {
  Chain chain = dense();
  chain.gconvs[0].post[0].scale = {1, 2};
  EXPECT_EQ(error_of(chain), "gconv 'fc': 2 post entries for 3 channels");
}

// 4 weights of 100 times 32768 reach 13,107,200: multipliers up to 2^62 / 13,107,200 fit.
TEST(Verify, HoldsTheSumLimitExactlyWhereTheWeightsPutIt) {
  const auto most = static_cast<std::int64_t>(4611686018427387904.0 / 13107200.0);
  EXPECT_EQ(error_of(quantized_dense(most - 1)), "");
  EXPECT_EQ(error_of(quantized_dense(most + 1)),
            "gconv 'fc': the post of channel 0 could reach 4.61e+18, beyond 2^62");
}

TEST(Verify, RefusesResultsThatDoNotFitTheirType) {
  Chain chain = quantized_dense(1);
  chain.gconvs[0].fixed->high = 40000;
  EXPECT_EQ(error_of(chain), "gconv 'fc': results -32767..40000 do not fit i16");
}

TEST(Text, RoundTripsEveryField) {
  Chain chain = quantized_dense(12345);
  chain.name = "odd \"name\"\nwith \\ lines";
  chain.synthetic = true;
  chain.weight_bits = 8;
  chain.tensors["x"].shape = {1, 4, 1, 1};
  chain.tensors["x"].layout = "NHWC";
  chain.tensors["w"].channel_scale = {0.1, 1e-300, 3};
  chain.gconvs[0].input_factor = 3;
  chain.gconvs[0].pre = Pre::square;
  PostOp clamp, power;
  clamp.kind = PostOp::Kind::clamp;
  clamp.high = std::numeric_limits<double>::infinity();
  power.kind = PostOp::Kind::function;
  power.function = Function::power;
  power.gamma = 0.1;
  chain.gconvs[0].post.push_back(clamp);
  chain.gconvs[0].post.push_back(power);
  const std::string text = to_text(chain);
  const Chain again = parse_text(text, constants(chain));
  EXPECT_EQ(to_text(again), text);
  EXPECT_EQ(again.name, chain.name);
  EXPECT_EQ(again.gconvs[0].post[0].bias, chain.gconvs[0].post[0].bias);
  EXPECT_EQ(again.tensors.at("w").channel_scale, chain.tensors.at("w").channel_scale);
}

TEST(Text, ErrorsNameLineAndMistake) {
  const Chain chain = dense();
  const std::string text = to_text(chain);
  const auto given = constants(chain);
  EXPECT_EQ(parse_error(text, {}),
            "chain text, line 4: the contents of constant 'w' are not given");
  EXPECT_EQ(parse_error(replaced(text, "nop=3", "nop=many"), given),
            "chain text, line 8: 'many' is not a number in range");
  EXPECT_EQ(parse_error(replaced(text, "nop=3", "knob=3"), given),
            "chain text, line 8: unknown key 'knob' for 'dim'");
  EXPECT_EQ(parse_error(replaced(text, "main=mul", "main=xor"), given),
            "chain text, line 7: unknown main 'xor'");
  EXPECT_EQ(parse_error(replaced(text, "strides=[1]", "strides=[1"), given),
            "chain text, line 9: strides must be a list such as [1,2]");
  EXPECT_EQ(parse_error(replaced(text, "nop=3", "nop=4"), given),
            "chain text: gconv 'fc': the kernel view covers 0..15 of tensor 'w', which has 12 "
            "elements");
  EXPECT_EQ(parse_error("", given), "chain text: no line `chain \"name\" ...` found");
}

TEST(Text, NoticesOtherConstants) {
  const Chain chain = dense();
  Tensor other(DType::f32, {3, 4});
  other.mutable_data<float>()[5] = 1;
  EXPECT_NE(parse_error(to_text(chain), {{"w", other}}).find("do not belong together"),
            std::string::npos);
}

TEST(Storage, ChannelsLastStrides) {
  TensorInfo info;
  info.shape = {2, 3, 4, 5};
  EXPECT_EQ(storage_strides(info), (std::vector<std::int64_t>{60, 20, 5, 1}));
  info.layout = channels_last(4);
  EXPECT_EQ(storage_strides(info), (std::vector<std::int64_t>{60, 1, 15, 3}));
}

}  // namespace
}  // namespace syncopate::gconv
