#include "ir/fold.h"

#include <gtest/gtest.h>

#include <limits>

namespace syncopate::ir {
namespace {

Tensor ints(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::from<std::int64_t>({count}, values);
}

/// Folds one node over constants and returns its first output; a scalar f32 0 when it did not fold.
Tensor fold_one(Op op, const std::vector<Tensor>& inputs, std::size_t outputs = 1,
                std::size_t wanted = 0) {
  Graph graph;
  Node node{"n", std::move(op), {}, {}};
  for (const Tensor& tensor : inputs) node.inputs.push_back(graph.add_constant("c", tensor));
  for (std::size_t i = 0; i < outputs; ++i) {
    node.outputs.push_back(graph.add_value({"o", DType::f32, {}, {}}));
  }
  graph.nodes.push_back(node);
  infer_shapes(graph);
  FoldBudget budget{1 << 20};
  if (!fold_node(graph, graph.nodes[0], budget)) return Tensor(DType::f32, {});
  const Value& value = graph.value(node.outputs[wanted]);
  EXPECT_EQ(value.dtype, value.constant->dtype());
  EXPECT_EQ(value.shape, value.constant->shape());
  return *value.constant;
}

std::string error_of(Op op, const std::vector<Tensor>& inputs) {
  try {
    fold_one(std::move(op), inputs);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const Tensor kMatrix = Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6});

TEST(Fold, MovesElements) {
  EXPECT_EQ(fold_one(Transpose{{1, 0}}, {kMatrix}),
            Tensor::from<float>({3, 2}, {1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(fold_one(Slice{{-1, 1}, {-5, 9}, {1, 0}, {-2, 1}}, {kMatrix}),
            Tensor::from<float>({1, 2}, {6, 4}));
  EXPECT_EQ(fold_one(Concat{1}, {kMatrix, Tensor::from<float>({2, 1}, {7, 8})}),
            Tensor::from<float>({2, 4}, {1, 2, 3, 7, 4, 5, 6, 8}));
  EXPECT_EQ(fold_one(Gather{1}, {kMatrix, ints({-1, 0})}),
            Tensor::from<float>({2, 2}, {3, 1, 6, 4}));
  EXPECT_EQ(fold_one(Split{1, {1, 2}}, {kMatrix}, 2, 1), Tensor::from<float>({2, 2}, {2, 3, 5, 6}));
  EXPECT_EQ(fold_one(Transpose{{2, 0, 1}}, {Tensor::from<std::int8_t>({1, 2, 2}, {1, 2, 3, 4})}),
            Tensor::from<std::int8_t>({2, 1, 2}, {1, 3, 2, 4}));
}

TEST(Fold, ReshapedConstantsShareStorage) {
  const Tensor result = fold_one(Reshape{{3, -1}}, {kMatrix});
  EXPECT_EQ(result.shape(), (Shape{3, 2}));
  EXPECT_EQ(result.raw().data(), kMatrix.raw().data());
}

TEST(Fold, Arithmetic) {
  EXPECT_EQ(fold_one(Binary{BinaryKind::mul}, {kMatrix, Tensor::from<float>({2, 1}, {10, 100})}),
            Tensor::from<float>({2, 3}, {10, 20, 30, 400, 500, 600}));
  EXPECT_EQ(fold_one(Binary{BinaryKind::sub}, {Tensor::from<std::int64_t>({}, {7}), ints({1, 2})}),
            ints({6, 5}));
  EXPECT_EQ(fold_one(Binary{BinaryKind::div}, {ints({-7}), ints({2})}), ints({-3}));
  constexpr auto kLow = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(fold_one(Binary{BinaryKind::div}, {ints({kLow}), ints({-1})}), ints({kLow}));
  EXPECT_EQ(error_of(Binary{BinaryKind::div}, {ints({1}), ints({0})}),
            "node 'n' (Div): an integer constant is divided by zero");
}

TEST(Fold, CastsSaturateFloatsAndTruncate) {
  const Tensor floats = Tensor::from<float>({4}, {-1.9F, 2.9F, 1e30F, -1e30F});
  EXPECT_EQ(fold_one(Cast{DType::i64}, {floats}),
            ints({-1, 2, std::numeric_limits<std::int64_t>::max(),
                  std::numeric_limits<std::int64_t>::min()}));
  EXPECT_EQ(fold_one(Cast{DType::u8}, {floats}), Tensor::from<std::uint8_t>({4}, {0, 2, 255, 0}));
  EXPECT_EQ(fold_one(Cast{DType::f32}, {ints({3})}), Tensor::from<float>({1}, {3}));
}

TEST(Fold, QuantizesHalfToEvenPerChannel) {
  const Tensor x = Tensor::from<float>({2, 2}, {0.5F, 1.5F, 5, 1000});
  EXPECT_EQ(fold_one(QuantizeLinear{0},
                     {x, Tensor::from<float>({2}, {1, 2}), Tensor::from<std::int8_t>({2}, {0, 1})}),
            Tensor::from<std::int8_t>({2, 2}, {0, 2, 3, 127}));
}

TEST(Fold, LeavesWeightsQuantized) {
  EXPECT_EQ(fold_one(DequantizeLinear{0},
                     {Tensor::from<std::int8_t>({2}, {1, 2}), Tensor::from<float>({}, {0.5F})})
                .dtype(),
            DType::f32);
  EXPECT_TRUE(fold_one(DequantizeLinear{0},
                       {Tensor::from<std::int8_t>({2}, {1, 2}), Tensor::from<float>({}, {0.5F})})
                  .shape()
                  .empty());
}

TEST(Fold, NamesIndicesOutOfRange) {
  EXPECT_EQ(error_of(Gather{0}, {kMatrix, ints({2})}),
            "node 'n' (Gather): index 2 does not exist in axis 0 of 2x3");
}

TEST(Fold, KeepsToItsBudget) {
  EXPECT_EQ(error_of(ConstantOfShape{Tensor::from<float>({1}, {1})}, {ints({1 << 30, 1 << 9})}),
            "node 'n' (ConstantOfShape): the constant 'o' of 1073741824x512 needs 2199023255552 "
            "bytes, more than the 1048576 left for folded constants");
}

TEST(Fold, RemovesAShapeComputation) {
  Graph graph;
  graph.inputs = {graph.add_value({"x", DType::f32, {2, 3, 4}, {}})};
  const ValueId shape = graph.add_node("s", ShapeOf{1, {}}, {graph.inputs[0]}, "shape");
  const ValueId wide = graph.add_node("m", Binary{BinaryKind::mul},
                                      {shape, graph.add_constant("k", ints({10}))}, "wide");
  graph.outputs = {wide};
  infer_shapes(graph);
  fold_constants(graph);
  EXPECT_TRUE(graph.nodes.empty());
  EXPECT_EQ(*graph.value(graph.outputs[0]).constant, ints({30, 40}));
  verify(graph);
}

}  // namespace
}  // namespace syncopate::ir
