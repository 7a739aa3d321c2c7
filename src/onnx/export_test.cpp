// Compiled alone: other files of the folder have names of their own that are the same.
#include "onnx/export.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "onnx/import.h"

namespace syncopate::onnx {
namespace {

using ir::Graph;
using ir::ValueId;

ir::Graph round_trip(const ir::Graph& graph) {
  const std::string bytes = export_bytes(graph);
  ir::Graph back = import_bytes(std::as_bytes(std::span(bytes)), "export");
  ir::verify(back);
  return back;
}

/// One operator over one f32 input of the given shape.
Graph one_node(ir::Op op, const Shape& shape, const std::vector<Tensor>& constants = {},
               std::size_t outputs = 1) {
  Graph graph;
  graph.name = "one";
  graph.inputs = {graph.add_value({"x", DType::f32, shape, {}})};
  ir::Node node{"n", std::move(op), {graph.inputs[0]}, {}};
  for (std::size_t i = 0; i < constants.size(); ++i) {
    node.inputs.push_back(graph.add_constant(fmt::format("k{}", i), constants[i]));
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    node.outputs.push_back(graph.add_value({fmt::format("y{}", i), DType::f32, {}, {}}));
  }
  graph.outputs = node.outputs;
  graph.nodes.push_back(std::move(node));
  ir::infer_shapes(graph);
  return graph;
}

Tensor counting(const Shape& shape) {
  Tensor tensor(DType::f32, shape);
  float next = 1;
  for (float& value : tensor.mutable_data<float>()) value = next++;
  return tensor;
}

const ir::Window kWindow{{3, 2}, {2, 1}, {1, 2}, {1, 0}, {0, 2}};

TEST(Export, ComesBackTheSame) {
  const Graph graphs[] = {
      one_node(ir::Conv{kWindow, 2}, {1, 4, 7, 9}, {counting({6, 2, 3, 2}), counting({6})}),
      one_node(ir::Conv{{{3}, {1}, {1}, {0}, {1}}, 1}, {2, 1, 8}, {counting({100, 1, 3})}),
      one_node(ir::ConvTranspose{kWindow, 2, {1, 0}}, {1, 4, 5, 5}, {counting({4, 3, 3, 2})}),
      one_node(ir::Gemm{0.5F, 2, false, true}, {3, 4}, {counting({5, 4}), counting({5})}),
      one_node(ir::MatMul{}, {2, 3, 4}, {counting({4, 5})}),
      one_node(ir::BatchNormalization{1e-3F}, {1, 2, 3},
               {counting({2}), counting({2}), counting({2}), counting({2})}),
      one_node(ir::Unary{ir::UnaryKind::leaky_relu, 0.3F}, {2, 3}),
      one_node(ir::Unary{ir::UnaryKind::hard_sigmoid, 0.3F, 0.6F}, {2, 3}),
      one_node(ir::Unary{ir::UnaryKind::hard_swish}, {2, 3}),
      one_node(ir::Unary{ir::UnaryKind::clip, 0, 6}, {2, 3}),
      one_node(ir::Unary{ir::UnaryKind::clip, 1, std::numeric_limits<float>::infinity()}, {2}),
      one_node(ir::PRelu{}, {2, 3, 4}, {counting({3, 1})}),
      one_node(ir::Binary{ir::BinaryKind::div}, {2, 3}, {counting({3})}),
      one_node(ir::Pool{ir::PoolKind::max, kWindow, false, true, true}, {1, 2, 8, 8}, {}, 2),
      one_node(ir::Pool{ir::PoolKind::average, {{2, 2}, {2, 2}, {1, 1}, {1, 1}, {0, 0}}, true},
               {1, 2, 8, 8}),
      one_node(ir::GlobalPool{ir::PoolKind::max}, {1, 2, 3, 4}),
      one_node(ir::Lrn{5, 1e-3F, 0.5F, 2}, {1, 8, 3, 3}),
      one_node(ir::Softmax{1, false}, {2, 3, 4}),
      one_node(ir::Concat{1}, {2, 3}, {counting({2, 4})}),
      one_node(ir::Flatten{2}, {2, 3, 4}),
      one_node(ir::Reshape{{0, -1}, false}, {2, 3, 4}),
      one_node(ir::Transpose{{2, 0, 1}}, {2, 3, 4}),
      one_node(ir::Pad{ir::PadMode::constant, {1, -1}, {0, 2}, 3.5F}, {3, 4}),
      one_node(ir::Pad{ir::PadMode::reflect, {1, 1}, {2, 0}}, {3, 4}),
      one_node(ir::Slice{{-1, 0}, {-9, 2}, {1, 0}, {-2, 1}}, {3, 4}),
      one_node(ir::Split{1, {1, 3}}, {2, 4}, {}, 2),
      one_node(ir::Resize{{1, 1, 6, 2},
                          {1, 1, 2, 0.5F},
                          ir::CoordinateMode::asymmetric,
                          ir::NearestMode::floor},
               {1, 1, 3, 4}),
      one_node(ir::Resize{{1, 1, 7, 4}, {1, 1, 7 / 3.0F, 1}}, {1, 1, 3, 4}),
      one_node(ir::ReduceMean{{1, 2}, false}, {2, 3, 4}),
      one_node(ir::Cast{DType::i32}, {2}),
      one_node(ir::DepthToSpace{2, true}, {1, 8, 2, 3}),
  };
  for (const Graph& graph : graphs) {
    EXPECT_EQ(ir::to_text(round_trip(graph)), ir::to_text(graph));
  }
}

TEST(Export, WritesTheOldSoftmaxInParts) {
  const Graph back = round_trip(one_node(ir::Softmax{1, true}, {2, 3, 4}));
  ASSERT_EQ(back.nodes.size(), 3U);
  EXPECT_EQ(back.value(back.outputs[0]).shape, (Shape{2, 3, 4}));
  EXPECT_EQ(back.value(back.outputs[0]).name, "y0");
}

TEST(Export, KeepsQuantizedNetworks) {
  Graph graph;
  graph.name = "qdq";
  graph.inputs = {graph.add_value({"x", DType::f32, {1, 4}, {}})};
  const ValueId scale = graph.add_constant("s", Tensor::from<float>({}, {0.1F}));
  const ValueId zero = graph.add_constant("z", Tensor::from<std::int8_t>({}, {3}));
  const ValueId scales = graph.add_constant("ws", Tensor::from<float>({2}, {0.1F, 0.2F}));
  const ValueId weights = graph.add_constant("w", Tensor(DType::i8, {4, 2}));
  const ValueId q = graph.add_node("q", ir::QuantizeLinear{}, {graph.inputs[0], scale, zero}, "q");
  const ValueId d = graph.add_node("d", ir::DequantizeLinear{}, {q, scale, zero}, "d");
  const ValueId dw = graph.add_node("dw", ir::DequantizeLinear{1}, {weights, scales}, "dw");
  graph.outputs = {graph.add_node("m", ir::MatMul{}, {d, dw}, "y")};
  ir::infer_shapes(graph);
  EXPECT_EQ(ir::to_text(round_trip(graph)), ir::to_text(graph));
}

TEST(Export, BoundsOfIntegersSaturate) {
  Graph graph;
  graph.name = "clip";
  graph.inputs = {graph.add_value({"x", DType::i8, {2}, {}})};
  graph.outputs = {
      graph.add_node("c", ir::Unary{ir::UnaryKind::clip, -1e30F, 200}, graph.inputs, "y")};
  ir::infer_shapes(graph);
  const Graph back = round_trip(graph);
  const auto& clip = std::get<ir::Unary>(back.nodes[0].op);
  EXPECT_EQ(clip.alpha, -128);
  EXPECT_EQ(clip.beta, 127);
}

TEST(Export, ConstantOutputsKeepTheirNames) {
  Graph graph;
  graph.outputs = {graph.add_constant("y", counting({3}))};
  const Graph back = round_trip(graph);
  EXPECT_EQ(back.value(back.outputs[0]).name, "y");
  EXPECT_EQ(*back.value(back.outputs[0]).constant, counting({3}));
}

TEST(Export, NamesWhatOnnxCannotSay) {
  const auto error = [](const Graph& graph) {
    try {
      export_bytes(graph);
    } catch (const InputError& caught) {
      return std::string(caught.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error(one_node(ir::QuantizeLinear{}, {2}, {counting({}), Tensor(DType::i16, {})})),
            "node 'n' (QuantizeLinear): 16-bit quantization cannot be written as ONNX opset 13");
  EXPECT_EQ(error(one_node(ir::Resize{{4}, {2}, ir::CoordinateMode::half_pixel_symmetric}, {2})),
            "node 'n' (Resize): half_pixel_symmetric resizing cannot be written as ONNX opset 13");
}

TEST(Export, FilesAreWrittenWholeOrNotAtAll) {
  const Graph graph = one_node(ir::MatMul{}, {2, 40}, {counting({40, 50})});
  const std::string path = testing::TempDir() + "/syncopate_export_test.onnx";
  export_file(graph, path);
  EXPECT_EQ(ir::to_text(import_file(path)), ir::to_text(graph));
  std::filesystem::remove(path);
  EXPECT_THROW(export_file(graph, "/nowhere/net.onnx"), InputError);
}

}  // namespace
}  // namespace syncopate::onnx
