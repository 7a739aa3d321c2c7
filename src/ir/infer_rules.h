#pragma once

#include <string_view>
#include <vector>

#include "ir/infer.h"

// The rules behind infer_node, one per operator. Not for use outside src/ir/.

namespace syncopate::ir::rules {

/// A node's inputs as a rule sees them. Indices are checked by `arity` before rules run.
class Inputs {
 public:
  Inputs(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  std::size_t count() const { return node_.inputs.size(); }
  std::size_t outputs() const { return node_.outputs.size(); }
  bool has(std::size_t i) const { return i < count() && node_.inputs[i] != kNoValue; }
  const Value& value(std::size_t i) const { return graph_.value(node_.inputs[i]); }
  const Shape& shape(std::size_t i) const { return value(i).shape; }
  std::size_t rank(std::size_t i) const { return shape(i).size(); }
  DType dtype(std::size_t i) const { return value(i).dtype; }

  /// InputError unless input `i` has this type.
  void expect_type(std::size_t i, DType wanted, std::string_view what) const;
  /// InputError unless input `i` has this shape.
  void expect_shape(std::size_t i, const Shape& wanted, std::string_view what) const;
  /// InputError unless input `i` holds one element.
  void expect_single(std::size_t i, std::string_view what) const;

 private:
  const Graph& graph_;
  const Node& node_;
};

using Results = std::vector<TypeAndShape>;

// Sliding windows and other layers with weights (infer_layers.cpp).
Results infer(const Conv& op, const Inputs& in);
Results infer(const ConvTranspose& op, const Inputs& in);
Results infer(const Gemm& op, const Inputs& in);
Results infer(const MatMul& op, const Inputs& in);
Results infer(const BatchNormalization& op, const Inputs& in);
Results infer(const Pool& op, const Inputs& in);
Results infer(const GlobalPool& op, const Inputs& in);
Results infer(const QLinearConv& op, const Inputs& in);
Results infer(const QLinearMatMul& op, const Inputs& in);

// Elementwise operators and reductions (infer_values.cpp).
Results infer(const Unary& op, const Inputs& in);
Results infer(const PRelu& op, const Inputs& in);
Results infer(const Binary& op, const Inputs& in);
Results infer(const Lrn& op, const Inputs& in);
Results infer(const Softmax& op, const Inputs& in);
Results infer(const ReduceMean& op, const Inputs& in);
Results infer(const QuantizeLinear& op, const Inputs& in);
Results infer(const DequantizeLinear& op, const Inputs& in);
Results infer(const Cast& op, const Inputs& in);

// Operators that move elements (infer_moves.cpp).
Results infer(const Concat& op, const Inputs& in);
Results infer(const Flatten& op, const Inputs& in);
Results infer(const Reshape& op, const Inputs& in);
Results infer(const Transpose& op, const Inputs& in);
Results infer(const Pad& op, const Inputs& in);
Results infer(const Slice& op, const Inputs& in);
Results infer(const Split& op, const Inputs& in);
Results infer(const Resize& op, const Inputs& in);
Results infer(const Gather& op, const Inputs& in);
Results infer(const ShapeOf& op, const Inputs& in);
Results infer(const ConstantOfShape& op, const Inputs& in);
Results infer(const DepthToSpace& op, const Inputs& in);

}  // namespace syncopate::ir::rules
