#include "ir/graph.h"

#include <gtest/gtest.h>

#include "ir/infer.h"

namespace syncopate::ir {
namespace {

Window square(std::int64_t kernel, std::int64_t stride = 1, std::int64_t pad = 0) {
  return {{kernel, kernel}, {stride, stride}, {1, 1}, {pad, pad}, {pad, pad}};
}

/// x[1x3x8x8] -> Conv(4 kernels 3x3, pad 1) -> Relu -> MaxPool 2x2.
Graph small_network() {
  Graph graph;
  graph.name = "small";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, 3, 8, 8}, {}})};
  const ValueId w = graph.add_constant("w", Tensor(DType::f32, {4, 3, 3, 3}));
  const ValueId y = graph.add_node("c", Conv{square(3, 1, 1), 1}, {graph.inputs[0], w}, "y");
  const ValueId r = graph.add_node("r", Unary{UnaryKind::relu}, {y}, "z");
  graph.outputs = {graph.add_node("p", Pool{PoolKind::max, square(2, 2)}, {r}, "out")};
  infer_shapes(graph);
  return graph;
}

template <class F>
std::string input_error(F&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

template <class F>
std::string internal_error(F&& action) {
  try {
    action();
  } catch (const InternalError& error) {
    return error.what();
  }
  return "no error";
}

/// Infers one node over inputs of the given shapes, all f32.
Shape infer_one(Op op, const std::vector<Shape>& shapes, std::size_t outputs = 1) {
  Graph graph;
  Node node{"n", std::move(op), {}, std::vector<ValueId>(outputs, kNoValue)};
  for (const Shape& shape : shapes) {
    node.inputs.push_back(graph.add_value({"i", DType::f32, shape, {}}));
  }
  return infer_node(graph, node).at(0).shape;
}

TEST(Graph, TextShowsEveryNode) {
  EXPECT_EQ(to_text(small_network()),
            "graph 'small'\n"
            "input %x:f32[1x3x8x8]\n"
            "const %w:f32[4x3x3x3] = #c5d70e2e7111f6fd\n"
            "%y:f32[1x4x8x8] = Conv(%x, %w) {kernel=3x3, pads=[1,1,1,1]}\n"
            "%z:f32[1x4x8x8] = Relu(%y)\n"
            "%out:f32[1x4x4x4] = MaxPool(%z) {kernel=2x2, strides=2x2}\n"
            "output %out\n");
}

TEST(Graph, CountsMacs) {
  const Graph graph = small_network();
  EXPECT_EQ(macs_of(graph, graph.nodes[0]), 4 * 8 * 8 * 3 * 9);
  EXPECT_EQ(macs_of(graph, graph.nodes[1]), 0);
}

TEST(Graph, FindsValuesByName) {
  const Graph graph = small_network();
  EXPECT_EQ(graph.value(graph.find("z")).shape, (Shape{1, 4, 8, 8}));
  EXPECT_EQ(input_error([&] { graph.find("nothing"); }), "network 'small' has no value 'nothing'");
}

TEST(Graph, RemovesWhatReachesNoOutput) {
  Graph graph = small_network();
  graph.outputs = {graph.find("y")};
  graph.add_constant("unused", Tensor(DType::f32, {5}));
  remove_dead(graph);
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.values.size(), 3U);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
  verify(graph);
}

TEST(Verify, AcceptsWhatInferenceMade) { verify(small_network()); }

TEST(Verify, FindsBrokenGraphs) {
  Graph late = small_network();
  std::swap(late.nodes[0], late.nodes[1]);
  EXPECT_EQ(internal_error([&] { verify(late); }),
            "node 'r' (Relu) uses 'y' before it is produced");

  Graph twice = small_network();
  twice.nodes[1].outputs = twice.nodes[0].outputs;
  EXPECT_EQ(internal_error([&] { verify(twice); }), "node 'r' (Relu) produces 'y' again");

  Graph dangling = small_network();
  dangling.nodes[0].inputs[1] = 99;
  EXPECT_EQ(internal_error([&] { verify(dangling); }), "node 'c' (Conv) name the value id 99");

  Graph stale = small_network();
  stale.value(stale.find("z")).shape = {1, 4, 8, 9};
  EXPECT_EQ(internal_error([&] { verify(stale); }),
            "node 'r' (Relu): output 'z' is recorded as f32[1x4x8x9], inferred as f32[1x4x8x8]");
}

TEST(Infer, ConvNamesWhatDoesNotFit) {
  EXPECT_EQ(input_error([] { infer_one(Conv{square(3), 1}, {{1, 4, 8, 8}, {4, 3, 3, 3}}); }),
            "node 'n' (Conv): weights of 4x3x3x3 take 3 input channels per group, but the input "
            "1x4x8x8 has 4 in 1 group(s)");
  EXPECT_EQ(input_error([] { infer_one(Conv{square(9), 1}, {{1, 3, 8, 8}, {4, 3, 9, 9}}); }),
            "node 'n' (Conv): a window of 9 is wider than the padded input of 8 in spatial "
            "dimension 0");
  EXPECT_EQ(input_error([] { infer_one(Conv{square(3), 1}, {{1, 3, 8, 8}}); }),
            "node 'n' (Conv): it has 1 inputs, expected 2 to 3");
}

TEST(Infer, ConvGeometry) {
  const Window window{{3, 5}, {2, 3}, {2, 1}, {1, 0}, {2, 4}};
  EXPECT_EQ(infer_one(Conv{window, 2}, {{2, 4, 11, 13}, {6, 2, 3, 5}}), (Shape{2, 6, 5, 5}));
  const Window line{{3}, {1}, {1}, {0}, {0}};
  EXPECT_EQ(infer_one(Conv{line, 1}, {{1, 2, 7}, {3, 2, 3}}), (Shape{1, 3, 5}));
}

TEST(Infer, ConvTransposeGeometry) {
  EXPECT_EQ(infer_one(ConvTranspose{square(3, 2, 1), 2, {1, 0}}, {{1, 4, 5, 5}, {4, 3, 3, 3}}),
            (Shape{1, 6, 10, 9}));
}

TEST(Infer, CeilModeDropsWindowsBehindTheInput) {
  EXPECT_EQ(infer_one(Pool{PoolKind::max, square(3, 2), false, true}, {{1, 1, 32, 32}}),
            (Shape{1, 1, 16, 16}));
  EXPECT_EQ(infer_one(Pool{PoolKind::max, square(1, 2), false, true}, {{1, 1, 4, 4}}),
            (Shape{1, 1, 2, 2}));
  EXPECT_EQ(infer_one(Pool{PoolKind::max, square(2, 3, 1), false, true}, {{1, 1, 4, 4}}),
            (Shape{1, 1, 2, 2}));
}

TEST(Infer, MatMulBroadcastsBatches) {
  EXPECT_EQ(infer_one(MatMul{}, {{5, 1, 2, 3}, {4, 3, 6}}), (Shape{5, 4, 2, 6}));
  EXPECT_EQ(infer_one(MatMul{}, {{3}, {4, 3, 6}}), (Shape{4, 6}));
  EXPECT_EQ(infer_one(MatMul{}, {{2, 3}, {3}}), (Shape{2}));
  EXPECT_EQ(input_error([] { infer_one(MatMul{}, {{2, 3}, {4, 2}}); }),
            "node 'n' (MatMul): inner extents differ: 2x3 times 4x2");
}

TEST(Infer, SliceFollowsNumpy) {
  EXPECT_EQ(infer_one(Slice{{-3}, {std::numeric_limits<std::int64_t>::max()}, {1}, {2}}, {{4, 9}}),
            (Shape{4, 2}));
  EXPECT_EQ(infer_one(Slice{{20}, {std::numeric_limits<std::int64_t>::min()}, {0}, {-3}}, {{10}}),
            (Shape{4}));
  EXPECT_EQ(infer_one(Slice{{3}, {1}, {0}, {1}}, {{10}}), (Shape{0}));
  EXPECT_EQ(input_error([] { infer_one(Slice{{0}, {1}, {0}, {0}}, {{10}}); }),
            "node 'n' (Slice): a slice step is 0");
}

TEST(Infer, ReshapeFillsIn) {
  EXPECT_EQ(infer_one(Reshape{{0, -1}}, {{2, 3, 4}}), (Shape{2, 12}));
  EXPECT_EQ(infer_one(Reshape{{0, 5}, true}, {{5, 0}}), (Shape{0, 5}));
  EXPECT_EQ(input_error([] { infer_one(Reshape{{-1, 7}}, {{2, 3}}); }),
            "node 'n' (Reshape): 6 elements (2x3) do not fit the new shape -1x7");
}

TEST(Infer, RefusesShapesThatOverflow) {
  EXPECT_EQ(input_error([] {
              infer_one(Pad{PadMode::constant, {1LL << 40, 0}, {0, 0}}, {{1LL << 20, 1LL << 19}});
            }),
            "node 'n' (Pad): shape 1099512676352x524288 has over 2^40 elements");
}

TEST(Infer, ChecksTypes) {
  Graph graph;
  Node node{"n", Unary{UnaryKind::sigmoid}, {}, {kNoValue}};
  node.inputs = {graph.add_value({"i", DType::i8, {3}, {}})};
  EXPECT_EQ(input_error([&] { infer_node(graph, node); }),
            "node 'n' (Sigmoid): the input ('i') has the type i8, expected f32");
}

}  // namespace
}  // namespace syncopate::ir
