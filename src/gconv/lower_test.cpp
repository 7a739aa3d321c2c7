#include "gconv/lower.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gconv/passes.h"
#include "gconv/quantize.h"

namespace syncopate::gconv {
namespace {

using ir::ValueId;

ir::Graph graph_with(const Shape& input) {
  ir::Graph graph;
  graph.name = "test";
  ir::Value value;
  value.name = "x";
  value.shape = input;
  graph.inputs = {graph.add_value(value)};
  return graph;
}

ValueId constant(ir::Graph& graph, const std::string& name, const Shape& shape, float value) {
  Tensor tensor(DType::f32, shape);
  for (float& element : tensor.mutable_data<float>()) {
    element = value;
  }
  return graph.add_constant(name, tensor);
}

Chain lowered(ir::Graph& graph, ValueId output) {
  graph.outputs = {output};
  ir::infer_shapes(graph);
  return lower(graph);
}

ir::Conv conv3x3(std::int64_t group, std::int64_t stride) {
  return {{{3, 3}, {stride, stride}, {1, 1}, {1, 1}, {1, 1}}, group};
}

/// conv + bias, batch normalization, rectifier; then the same again beside it, concatenated.
ir::Graph two_branches() {
  ir::Graph graph = graph_with({2, 4, 8, 8});
  std::vector<ValueId> parts;
  for (const std::string branch : {"a", "b"}) {
    ValueId y = graph.add_node(branch + "_conv", conv3x3(2, 2),
                               {graph.inputs[0], constant(graph, branch + "_w", {6, 2, 3, 3}, 0.1F),
                                constant(graph, branch + "_bias", {6}, 0.5F)},
                               branch + "_conv_out");
    y = graph.add_node(
        branch + "_bn", ir::BatchNormalization{0},
        {y, constant(graph, branch + "_gamma", {6}, 2), constant(graph, branch + "_beta", {6}, 1),
         constant(graph, branch + "_mean", {6}, 3), constant(graph, branch + "_var", {6}, 4)},
        branch + "_bn_out");
    parts.push_back(graph.add_node(branch + "_relu", ir::Unary{}, {y}, branch + "_out"));
  }
  graph.outputs = {graph.add_node("cat", ir::Concat{1}, parts, "y")};
  ir::infer_shapes(graph);
  return graph;
}

TEST(Lower, OneGconvPerStepAndMacsOfTheGraph) {
  const ir::Graph graph = two_branches();
  const Chain chain = lower(graph);
  ASSERT_EQ(chain.gconvs.size(), 10U);  // (conv, bias, bn, relu, part) twice
  EXPECT_EQ(chain.gconvs[0].work(), ir::macs_of(graph, graph.nodes[0]));
  EXPECT_EQ(chain.gconvs[2].post[0].scale[0], 1);  // 2 / sqrt(4)
  EXPECT_EQ(chain.gconvs[2].post[0].bias[0], -2);  // 1 - 3 * 1
}

TEST(Lower, FlattenedTensorIsReadInPlace) {
  ir::Graph graph = graph_with({2, 3, 4, 5});
  const ValueId pooled = graph.add_node("relu", ir::Unary{}, {graph.inputs[0]}, "r");
  const ValueId flat = graph.add_node("flatten", ir::Flatten{1}, {pooled}, "f");
  ir::Gemm gemm;
  gemm.trans_b = true;
  const ValueId y = graph.add_node("fc", gemm, {flat, constant(graph, "w", {7, 60}, 1)}, "y");
  const Chain chain = lowered(graph, y);
  ASSERT_EQ(chain.gconvs.size(), 2U);
  const GConv& fc = chain.gconvs[1];
  EXPECT_EQ(fc.input.tensor, "r");
  EXPECT_EQ(fc.work(), ir::macs_of(graph, graph.nodes[2]));
  ASSERT_EQ(fc.dims.size(), 4U);
  EXPECT_EQ(fc.dims[1].name, "C");
  EXPECT_EQ(fc.dims[3].name, "W");
  EXPECT_EQ(fc.kernel->strides, (std::vector<std::int64_t>{0, 20, 5, 1}));
}

TEST(Lower, SoftmaxIsFourGconvs) {
  ir::Graph graph = graph_with({1, 10});
  const ValueId y = graph.add_node("softmax", ir::Softmax{1, false}, {graph.inputs[0]}, "y");
  EXPECT_EQ(lowered(graph, y).gconvs.size(), 4U);
}

TEST(Lower, ChannelShuffleCopiesOnce) {
  ir::Graph graph = graph_with({1, 6, 4, 4});
  ValueId y = graph.add_node("relu", ir::Unary{}, {graph.inputs[0]}, "r");
  y = graph.add_node("split", ir::Reshape{{1, 2, 3, 4, 4}, false}, {y}, "s");
  y = graph.add_node("swap", ir::Transpose{{0, 2, 1, 3, 4}}, {y}, "t");
  y = graph.add_node("join", ir::Reshape{{1, 6, 4, 4}, false}, {y}, "y");
  EXPECT_EQ(lowered(graph, y).gconvs.size(), 2U);
}

TEST(Lower, RefusalsNameNodeOperatorAndWhatIsSupported) {
  const auto error_of = [](ir::Graph graph, ValueId y) -> std::string {
    try {
      lowered(graph, y);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  ir::Graph graph = graph_with({1, 2, 4, 4});
  ir::Pad pad;
  pad.mode = ir::PadMode::reflect;
  pad.before = pad.after = {0, 0, 1, 1};
  ValueId y = graph.add_node("p1", pad, {graph.inputs[0]}, "y");
  EXPECT_EQ(error_of(graph, y), "node 'p1' (Pad): mode reflect; supported is constant");

  graph = graph_with({1, 2, 4, 4});
  y = graph.add_node("d1", ir::Binary{ir::BinaryKind::div},
                     {graph.inputs[0], constant(graph, "zero", {1}, 0)}, "y");
  EXPECT_EQ(error_of(graph, y), "node 'd1' (Div): the constant divisor holds a zero");

  graph = graph_with({1, 2, 4, 4});
  ir::Value other;
  other.name = "w";
  other.shape = {2, 2, 3, 3};
  graph.inputs.push_back(graph.add_value(other));
  y = graph.add_node("c1", conv3x3(1, 1), {graph.inputs[0], graph.inputs[1]}, "y");
  EXPECT_EQ(error_of(graph, y), "node 'c1' (Conv): the weights must be a constant of type f32");
}

Ranges unit_ranges(const Chain& chain) {
  Ranges ranges;
  for (const auto& [name, info] : chain.tensors) {
    ranges[name] = 4;
  }
  return ranges;
}

TEST(Passes, BranchesFuseAndWriteIntoTheConcatenation) {
  const Chain chain = lower(two_branches());
  const Chain fixed = quantize(chain, unit_ranges(chain), {});
  const Chain fused = fuse_post(fixed);
  EXPECT_EQ(fused.gconvs.size(), 4U);  // (conv, part) twice
  const Chain best = optimize(fixed);
  ASSERT_EQ(best.gconvs.size(), 2U);
  EXPECT_EQ(best.gconvs[0].output.tensor, "y");
  EXPECT_EQ(best.gconvs[1].output.tensor, "y");
  EXPECT_EQ(best.gconvs[1].output.base, 6);  // channels 6 to 11 of 12
  EXPECT_EQ(best.gconvs[0].post.size(), 3U);
  EXPECT_FALSE(best.tensors.contains("a_out"));
}

TEST(Passes, RemoveDeadKeepsWhatOutputsNeed) {
  Chain chain = lower(two_branches());
  chain.outputs = {"a_out"};
  const Chain rest = remove_dead(chain);
  EXPECT_EQ(rest.gconvs.size(), 4U);
  EXPECT_FALSE(rest.tensors.contains("b_w"));
  verify(rest);
}

TEST(Quantize, CodebooksStayPerTensorAndOthersGetChannelSteps) {
  ir::Graph graph = graph_with({1, 8, 4, 4});
  Tensor codebook(DType::f32, {8, 8, 3, 3}), various(DType::f32, {8, 8, 3, 3});
  const auto book = codebook.mutable_data<float>(), any = various.mutable_data<float>();
  for (std::size_t i = 0; i < book.size(); ++i) {
    book[i] = 0.25F * static_cast<float>(i % 5) - 0.5F;
    any[i] = 0.001F * static_cast<float>(i) - 0.2F;
  }
  ValueId y = graph.add_node("a", conv3x3(1, 1),
                             {graph.inputs[0], graph.add_constant("book", codebook)}, "u");
  y = graph.add_node("b", conv3x3(1, 1), {y, graph.add_constant("any", various)}, "y");
  const Chain chain = lowered(graph, y);
  const Chain wide = quantize(chain, unit_ranges(chain), {16, 16});
  EXPECT_TRUE(wide.tensor("book").channel_scale.empty());
  EXPECT_EQ(wide.tensor("any").channel_scale.size(), 8U);
  const Chain fixed = quantize(chain, unit_ranges(chain), {8, 8});
  EXPECT_EQ(fixed.tensor("book").channel_scale.size(),
            8U);  // one step cannot tell 256 values apart
  EXPECT_EQ(fixed.tensor("any").dtype, DType::i8);
  EXPECT_EQ(fixed.tensor("u").dtype, DType::i8);
  EXPECT_EQ(fixed.tensor("y").dtype, DType::i16);  // results keep 16 bits
  EXPECT_EQ(fixed.tensor("any").constant->data<std::int8_t>()[575], 127);
}

TEST(Quantize, RefusesWeightsThatAreNotFinite) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    ir::Graph graph = graph_with({1, 2, 4, 4});
    const ValueId w = constant(graph, "w", {2, 2, 3, 3}, 0.5F);
    graph.value(w).constant->mutable_data<float>()[20] = bad;
    const Chain chain =
        lowered(graph, graph.add_node("c", conv3x3(1, 1), {graph.inputs[0], w}, "y"));
    try {
      quantize(chain, unit_ranges(chain), {});
      FAIL() << "accepted " << bad;
    } catch (const InputError& error) {
      EXPECT_STREQ(error.what(),
                   "constant 'w' holds NaN or an infinite value; expected finite weights");
    }
  }
}

TEST(Quantize, ChannelsOfZerosAndNegativeScalesAreExact) {
  ir::Graph graph = graph_with({1, 3, 2, 2});
  const ValueId gamma =
      graph.add_constant("gamma", Tensor::from<float>({3}, std::vector<float>{-1, 0, 2}));
  const ValueId beta = constant(graph, "beta", {3}, 0.5F);
  const ValueId y = graph.add_node("bn", ir::BatchNormalization{0},
                                   {graph.inputs[0], gamma, beta, constant(graph, "mean", {3}, 0),
                                    constant(graph, "var", {3}, 1)},
                                   "y");
  const Chain chain = lowered(graph, y);
  const Chain fixed = quantize(chain, {{"x", 1}, {"y", 4}}, {});
  const FixedPost& post = *fixed.gconvs[0].fixed;
  ASSERT_EQ(post.multiplier.size(), 3U);
  EXPECT_LT(post.multiplier[0], 0);
  EXPECT_EQ(post.multiplier[1], 0);
  EXPECT_NEAR(
      std::ldexp(static_cast<double>(post.bias[1]), -post.shift[1]) * fixed.tensor("y").scale, 0.5,
      1e-9);
}

}  // namespace
}  // namespace syncopate::gconv
