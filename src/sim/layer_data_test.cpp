#include "sim/layer_data.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

using gconv::Main;
using gconv::Reduce;

Tensor random_tensor(std::int64_t elements, Random& random, DType dtype = DType::i16) {
  Tensor tensor(dtype, {elements});
  for (std::int64_t i = 0; i < elements; ++i) {
    const std::int64_t value = random.chance(0.5) ? random.integer(-100, 100) : 0;
    const auto at = static_cast<std::size_t>(i);
    if (dtype == DType::i16) {
      tensor.mutable_data<std::int16_t>()[at] = static_cast<std::int16_t>(value);
    } else if (dtype == DType::i8) {
      tensor.mutable_data<std::int8_t>()[at] = static_cast<std::int8_t>(value);
    }
  }
  return tensor;
}

/// A chain with one GCONV and the contents of its activations.
struct Layer {
  gconv::Chain chain;
  std::map<std::string, Tensor> activations;

  void add(const std::string& name, Tensor tensor, bool constant = false) {
    gconv::TensorInfo info;
    info.elements = tensor.size();
    info.dtype = tensor.dtype();
    if (constant) {
      info.constant = tensor;
    } else {
      activations[name] = tensor;
    }
    chain.tensors[name] = info;
  }
  LayerData data() const {
    const gconv::GConv& gconv = chain.gconvs[0];
    LayerData result(chain, gconv, map::loops_of(chain, gconv));
    result.set_activations(
        [&](const std::string& name) -> const Tensor& { return activations.at(name); });
    return result;
  }
};

/// 3x3 convolution, 5 to 70 channels on a 4x6 map, ONNX weights.
Layer convolution(Random& random, DType dtype = DType::i16) {
  Layer layer;
  layer.add("x", random_tensor(4 * 6 * 70, random, dtype));
  layer.add("w", random_tensor(5 * 70 * 9, random, dtype), true);
  layer.add("y", random_tensor(4 * 6 * 5, random, dtype));
  gconv::GConv g;
  g.name = "conv";
  g.dims = {{"C", 1, 5, 1, 70, 1, 1, 0, 70},
            {"H", 1, 1, 4, 3, 1, 1, 1, 4},
            {"W", 1, 1, 6, 3, 1, 1, 1, 6}};
  g.main = Main::mul;
  g.reduce = Reduce::add;
  g.input = {"x", 0, {1, 6 * 70, 70}};
  g.kernel = gconv::View{"w", 0, {9, 3, 1}};
  g.output = {"y", 0, {1, 6 * 5, 5}};
  layer.chain.gconvs.push_back(g);
  return layer;
}

TEST(LayerData, UsesDenseActivationsWhereTheyAre) {
  Random random(1);
  const Layer layer = convolution(random);
  const LayerData data = layer.data();
  EXPECT_EQ(data.input().data(), layer.activations.at("x").data<std::int16_t>().data());
  EXPECT_EQ(data.output().data(), layer.activations.at("y").data<std::int16_t>().data());
  EXPECT_EQ(data.input().size(), 4U * 6 * 70);
}

TEST(LayerData, ReordersWeightsAndPacksMasks) {
  Random random(2);
  for (const DType dtype : {DType::i16, DType::i8}) {
    const Layer layer = convolution(random, dtype);
    const LayerData data = layer.data();
    const Tensor& stored = *layer.chain.tensor("w").constant;
    const BitPlane& bits = data.weight_bits();
    ASSERT_EQ(bits.rows, 5 * 9);
    ASSERT_EQ(bits.bits, 70);
    ASSERT_EQ(bits.words, 2);
    ASSERT_EQ(data.weights().size(), 5U * 9 * 70);
    for (std::size_t m = 0; m < 5; ++m) {
      for (std::size_t c = 0; c < 70; ++c) {
        for (std::size_t k = 0; k < 9; ++k) {
          const std::size_t from = (m * 70 + c) * 9 + k;
          const int value = dtype == DType::i16 ? stored.data<std::int16_t>()[from]
                                                : stored.data<std::int8_t>()[from];
          EXPECT_EQ(data.weights()[(m * 9 + k) * 70 + c], value);
          const auto row = bits.row(static_cast<std::int64_t>(m * 9 + k));
          EXPECT_EQ((row[c / 64] >> (c % 64)) & 1, value != 0);
        }
      }
    }
  }
}

TEST(LayerData, InputMaskHasARowPerPixel) {
  Random random(3);
  for (const DType dtype : {DType::i16, DType::i8}) {
    const LayerData data = convolution(random, dtype).data();
    const BitPlane& bits = data.input_bits();
    ASSERT_EQ(bits.rows, 24);
    for (std::size_t i = 0; i < data.input().size(); ++i) {
      const auto row = bits.row(static_cast<std::int64_t>(i / 70));
      EXPECT_EQ((row[i % 70 / 64] >> (i % 70 % 64)) & 1, data.input()[i] != 0);
    }
  }
}

TEST(LayerData, FullyConnectedWeightsAreNotCopied) {
  Random random(4);
  Layer layer;
  layer.add("x", random_tensor(3 * 2 * 8, random));      // HWC
  layer.add("w", random_tensor(10 * 48, random), true);  // [M][C][H][W]
  layer.add("y", random_tensor(10, random));
  gconv::GConv g;
  g.dims = {
      {"C", 1, 10, 1, 8, 1, 1, 0, 8}, {"H", 1, 1, 1, 3, 1, 1, 0, 3}, {"W", 1, 1, 1, 2, 1, 1, 0, 2}};
  g.main = Main::mul;
  g.reduce = Reduce::add;
  g.input = {"x", 0, {1, 16, 8}};
  g.kernel = gconv::View{"w", 0, {6, 2, 1}};
  g.output = {"y", 0, {1, 0, 0}};
  layer.chain.gconvs.push_back(g);
  const LayerData data = layer.data();
  EXPECT_EQ(data.weights().data(), layer.chain.tensor("w").constant->data<std::int16_t>().data());
  const auto x = layer.activations.at("x").data<std::int16_t>();
  for (std::size_t c = 0; c < 8; ++c) {
    for (std::size_t hw = 0; hw < 6; ++hw) EXPECT_EQ(data.input()[c * 6 + hw], x[hw * 8 + c]);
  }
}

TEST(LayerData, BroadcastsTheSecondOperandAndPadsWithZeros) {
  Random random(5);
  Layer layer;
  layer.add("x", random_tensor(5 * 3, random));
  layer.add("k", random_tensor(3, random), true);
  layer.add("y", random_tensor(7 * 3, random));
  gconv::GConv g;
  g.dims = {{"C", 3, 1, 1, 1, 1, 1, 0, 1}, {"W", 1, 1, 7, 1, 1, 1, 1, 5}};
  g.channel = "C";
  g.main = Main::none;
  g.reduce = Reduce::add;
  g.input = {"x", 0, {1, 3}};
  g.output = {"y", 0, {1, 3}};
  layer.chain.gconvs.push_back(g);
  const LayerData padded = layer.data();
  const auto x = layer.activations.at("x").data<std::int16_t>();
  for (std::size_t w = 0; w < 7; ++w) {
    for (std::size_t c = 0; c < 3; ++c) {
      const int expected = w >= 1 && w < 6 ? x[(w - 1) * 3 + c] : 0;
      EXPECT_EQ(padded.input()[w * 3 + c], expected);
    }
  }
  gconv::GConv& sum = layer.chain.gconvs[0];
  sum.dims[1] = {"W", 1, 1, 5, 1, 1, 1, 0, 5};
  sum.main = Main::sub;
  sum.kernel = gconv::View{"k", 0, {1, 0}};
  const LayerData data = layer.data();
  const auto k = layer.chain.tensor("k").constant->data<std::int16_t>();
  ASSERT_EQ(data.second().size(), 15U);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(data.second()[i], k[i % 3]);
  EXPECT_TRUE(data.weights().empty());
  EXPECT_THROW(data.weight_bits(), InternalError);
}

TEST(LayerData, RefusesExactSumsAndForeignLoops) {
  Random random(6);
  Layer layer = convolution(random);
  layer.activations["x"] = Tensor(DType::i64, {4 * 6 * 70});
  EXPECT_THROW(layer.data(), InputError);
  map::Loops loops = map::loops_of(layer.chain, layer.chain.gconvs[0]);
  loops.ins = 71;
  EXPECT_THROW(LayerData(layer.chain, layer.chain.gconvs[0], loops), InputError);
}

}  // namespace
}  // namespace syncopate::sim
