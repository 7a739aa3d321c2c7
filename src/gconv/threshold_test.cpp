#include <gtest/gtest.h>

#include "base/error.h"
#include "gconv/fixed_post.h"
#include "gconv/quantize.h"

namespace syncopate::gconv {
namespace {

TensorInfo narrow(std::int64_t elements) {
  TensorInfo info;
  info.elements = elements;
  info.dtype = DType::i8;
  info.scale = 1;
  info.shape = {elements};
  return info;
}

/// Three inputs to two outputs, fully connected.
GConv layer(const std::string& name, const std::string& from, const std::string& to,
            const std::string& kernel) {
  GConv g;
  g.name = g.layer = name;
  g.channel = "C";
  Dim c{"C"};
  c.nop = 2;
  c.nks = c.nips = 3;
  g.dims = {c};
  g.main = Main::mul;
  g.reduce = Reduce::add;
  g.input = {from, 0, {1}};
  g.kernel = View{kernel, 0, {1}};
  g.output = {to, 0, {1}};
  g.fixed = FixedPost{{1}, {0}, {0}, 0, 127, nullptr};
  return g;
}

/// x -> first -> y -> second -> z, quantized to 8 bits.
Chain two_layers() {
  Chain chain;
  chain.name = "two";
  chain.quantized = true;
  chain.weight_bits = chain.activation_bits = 8;
  for (const char* name : {"x", "y", "z"}) chain.tensors[name] = narrow(3);
  TensorInfo weights = narrow(6);
  weights.channel_scale = {1, 1};
  weights.constant = Tensor::from<std::int8_t>({6}, {5, -100, 12, 1, 0, -2});
  chain.tensors["v"] = chain.tensors["w"] = weights;
  chain.gconvs = {layer("first", "x", "y", "v"), layer("second", "y", "z", "w")};
  chain.inputs = {"x"};
  chain.outputs = {"z"};
  return chain;
}

TEST(Threshold, WeightsAreComparedWithTheLargestOfTheirOutput) {
  Chain chain = two_layers();
  apply_thresholds(chain, 0.11, 0);
  const auto weights = chain.tensor("w").constant->data<std::int8_t>();
  EXPECT_EQ(std::vector<std::int8_t>(weights.begin(), weights.end()),
            (std::vector<std::int8_t>{0, -100, 12, 1, 0, -2}));
  EXPECT_EQ(chain.gconvs[0].fixed->table, nullptr);
}

TEST(Threshold, ActivationsAreClearedWhereWeightsReadThem) {
  Chain chain = two_layers();
  apply_thresholds(chain, 0, 10.0 / 127);
  const FixedPost& first = *chain.gconvs[0].fixed;
  EXPECT_EQ(apply(first, 0, 9), 0);
  EXPECT_EQ(apply(first, 0, 10), 10);
  EXPECT_EQ(apply(first, 0, 1000), 127);
  EXPECT_EQ(chain.gconvs[1].fixed->table, nullptr);  // Only the network's user reads z.
}

TEST(Threshold, FollowsTheTableOfAFunction) {
  Chain chain = two_layers();
  FixedPost& post = *chain.gconvs[0].fixed;
  post.low = -1;
  post.high = 1;
  post.table = std::make_shared<const std::vector<std::int16_t>>(
      std::vector<std::int16_t>{std::int16_t{-50}, std::int16_t{3}, std::int16_t{60}});
  apply_thresholds(chain, 0, 0.1);
  EXPECT_EQ(*post.table, (std::vector<std::int16_t>{-50, 0, 60}));
}

TEST(Threshold, IsAShare) {
  Chain chain = two_layers();
  EXPECT_THROW(apply_thresholds(chain, 1.5, 0), InputError);
  EXPECT_THROW(apply_thresholds(chain, 0, -0.1), InputError);
  apply_thresholds(chain, 0, 0);
  EXPECT_EQ(chain.gconvs[0].fixed->table, nullptr);
  EXPECT_EQ(chain.tensor("v").constant->data<std::int8_t>()[0], 5);
}

}  // namespace
}  // namespace syncopate::gconv
