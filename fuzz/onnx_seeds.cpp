// Writes the seed corpus of onnx_fuzz: small networks that between them use every operator the
// exporter writes. Usage: onnx_seeds FOLDER (fuzz/corpus/onnx_fuzz in the source tree).

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "onnx/export.h"

namespace {

using namespace syncopate;
using ir::ValueId;

Tensor counting(const Shape& shape) {
  Tensor tensor(DType::f32, shape);
  float next = 1;
  for (float& value : tensor.mutable_data<float>()) value = next++;
  return tensor;
}

ir::Window square(std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {{kernel, kernel}, {stride, stride}, {1, 1}, {pad, pad}, {pad, pad}};
}

/// Adds layers one behind the other, each reading the one before.
class Stack {
 public:
  Stack(std::string name, const Shape& input) {
    graph.name = std::move(name);
    top = graph.add_value({"x", DType::f32, input, {}});
    graph.inputs = {top};
  }
  Stack& add(ir::Op op, const std::vector<Tensor>& constants = {}) {
    std::vector<ValueId> inputs{top};
    for (const Tensor& tensor : constants) inputs.push_back(graph.add_constant(next("k"), tensor));
    const std::string name = next("n");
    top = graph.add_node(name, std::move(op), inputs, name + ":0");
    return *this;
  }
  const ir::Graph& done() {
    graph.outputs = {top};
    ir::infer_shapes(graph);
    return graph;
  }
  std::string next(const std::string& start) { return start + std::to_string(count_++); }

  ir::Graph graph;
  ValueId top;

 private:
  int count_ = 0;
};

Stack layers() {
  Stack stack("layers", {1, 2, 6, 6});
  stack.add(ir::Conv{square(3, 1, 1), 1}, {counting({4, 2, 3, 3}), counting({4})})
      .add(ir::BatchNormalization{}, {counting({4}), counting({4}), counting({4}), counting({4})})
      .add(ir::Unary{ir::UnaryKind::relu})
      .add(ir::Lrn{3})
      .add(ir::Pool{ir::PoolKind::max, square(2, 2, 0)})
      .add(ir::ConvTranspose{square(2, 2, 0), 2, {0, 0}}, {counting({4, 1, 2, 2})})
      .add(ir::Pool{ir::PoolKind::average, square(3, 2, 1), true, true})
      .add(ir::DepthToSpace{1, true})
      .add(ir::Flatten{1});
  const std::int64_t inputs = 2 * 4 * 4;
  stack.add(ir::Gemm{1, 1, false, true}, {counting({3, inputs}), counting({3})})
      .add(ir::Softmax{1});
  return stack;
}

Stack moves() {
  Stack stack("moves", {2, 3, 4});
  stack.add(ir::Transpose{{0, 2, 1}})
      .add(ir::Pad{ir::PadMode::reflect, {0, 1, 0}, {0, 1, 1}})
      .add(ir::Slice{{-1}, {0}, {1}, {-2}})
      .add(ir::Reshape{{0, -1, 1, 4}})
      .add(ir::Resize{{2, 3, 2, 8}, {1, 1, 2, 2}, ir::CoordinateMode::asymmetric})
      .add(ir::ReduceMean{{2}, false})
      .add(ir::Concat{2}, {counting({2, 3, 1})})
      .add(ir::Binary{ir::BinaryKind::mul}, {counting({3, 1})})
      .add(ir::PRelu{}, {counting({9})})
      .add(ir::MatMul{}, {counting({9, 2})})
      .add(ir::Unary{ir::UnaryKind::clip, 0, 6})
      .add(ir::Unary{ir::UnaryKind::hard_swish})
      .add(ir::Cast{DType::i32});
  return stack;
}

Stack quantized() {
  Stack stack("quantized", {1, 2, 4, 4});
  const Tensor scale = Tensor::from<float>({}, {0.5F}), zero = Tensor(DType::u8, {});
  stack.add(ir::QuantizeLinear{}, {scale, zero})
      .add(ir::QLinearConv{square(3, 1, 1), 2},
           {scale, zero, Tensor(DType::i8, {4, 1, 3, 3}), counting({4}), Tensor(DType::i8, {4}),
            scale, zero, Tensor(DType::i32, {4})})
      .add(ir::DequantizeLinear{}, {scale, zero})
      .add(ir::GlobalPool{ir::PoolKind::max})
      .add(ir::Unary{ir::UnaryKind::hard_sigmoid, 0.2F, 0.5F});
  return stack;
}

/// What import folds away: a shape computation and a filled constant.
Stack shapes() {
  Stack stack("shapes", {2, 3});
  const ValueId extents = stack.graph.add_constant("extents", Tensor::from<std::int64_t>({1}, {3}));
  const ValueId filled = stack.graph.add_node(
      "fill", ir::ConstantOfShape{Tensor::from<float>({1}, {2})}, {extents}, "filled");
  stack.add(ir::ShapeOf{})
      .add(ir::Gather{0}, {Tensor::from<std::int64_t>({1}, {1})})
      .add(ir::Cast{DType::f32});
  stack.top =
      stack.graph.add_node("sum", ir::Binary{ir::BinaryKind::add}, {filled, stack.top}, "y");
  return stack;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "usage: onnx_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = words[1];
  std::filesystem::create_directories(folder);
  for (Stack stack : {layers(), moves(), quantized(), shapes()}) {
    onnx::export_file(stack.done(), (folder / (stack.graph.name + ".onnx")).string());
  }
  return 0;
}
