#include <limits>
#include <numeric>

#include "ir/shapes.h"
#include "onnx/translate.h"

namespace syncopate::onnx {
namespace {

using ir::Ints;
using ir::UnaryKind;

void unary(NodeContext& node, UnaryKind kind, float alpha = 0, float beta = 0) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  node.emit(ir::Unary{kind, alpha, beta}, node.all_inputs(1));
}

void relu(NodeContext& node) { unary(node, UnaryKind::relu); }
void sigmoid(NodeContext& node) { unary(node, UnaryKind::sigmoid); }
void tanh(NodeContext& node) { unary(node, UnaryKind::tanh); }
void hard_swish(NodeContext& node) { unary(node, UnaryKind::hard_swish); }
void leaky_relu(NodeContext& node) {
  unary(node, UnaryKind::leaky_relu, node.real("alpha", 0.01F));
}
void hard_sigmoid(NodeContext& node) {
  unary(node, UnaryKind::hard_sigmoid, node.real("alpha", 0.2F), node.real("beta", 0.5F));
}

void clip(NodeContext& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float low = -kInfinity, high = kInfinity;
  if (node.opset() < 11) {
    low = node.real("min", low);
    high = node.real("max", high);
    if (node.opset() < 6) node.ignore("consumed_inputs");
  } else {
    if (node.has_input(1)) low = node.constant_real(1, "min");
    if (node.has_input(2)) high = node.constant_real(2, "max");
  }
  node.all_inputs(node.opset() < 11 ? 1 : 3);
  node.emit(ir::Unary{UnaryKind::clip, low, high}, {node.input(0)});
}

/// Before opset 7, a vector meant one value per channel (axis 1), or per `axis`: written today as a
/// tensor with trailing ones.
ir::ValueId align_to_axis(NodeContext& node, std::size_t i, std::int64_t axis) {
  Shape shape = node.shape(i);
  const auto rank = node.shape(0).size();
  const auto first = static_cast<std::size_t>(ir::normalize_axis(axis, rank));
  if (first + shape.size() > rank) {
    node.refuse("{} does not fit {} at axis {}", to_string(shape), to_string(node.shape(0)), axis);
  }
  shape.resize(rank - first, 1);
  return node.emit_before(ir::Reshape{shape, true}, {node.input(i)});
}

void prelu(NodeContext& node) {
  ir::ValueId slope = node.input(1);
  const bool per_channel = node.shape(1).size() == 1 && node.shape(1)[0] != 1;
  if (node.opset() < 7 && per_channel && node.shape(0).size() > 2) {
    slope = align_to_axis(node, 1, 1);
  }
  if (node.opset() < 6) node.ignore("consumed_inputs");
  node.emit(ir::PRelu{}, {node.input(0), slope});
}

void binary(NodeContext& node, ir::BinaryKind kind) {
  ir::ValueId second = node.input(1);
  if (node.opset() < 7) {
    const bool broadcast = node.flag("broadcast", false);
    if (node.has("axis") && broadcast) {
      const auto rank = static_cast<std::int64_t>(node.shape(0).size());
      const std::int64_t axis = node.integer("axis", 0);
      if (axis < -rank || axis >= rank) node.refuse("axis {} is out of range", axis);
      second = align_to_axis(node, 1, axis);
    } else {
      node.ignore("axis");
    }
    if (node.opset() < 6) node.ignore("consumed_inputs");
  }
  node.all_inputs(2);
  node.emit(ir::Binary{kind}, {node.input(0), second});
}

void add(NodeContext& node) { binary(node, ir::BinaryKind::add); }
void sub(NodeContext& node) { binary(node, ir::BinaryKind::sub); }
void mul(NodeContext& node) { binary(node, ir::BinaryKind::mul); }
void div(NodeContext& node) { binary(node, ir::BinaryKind::div); }

void sum(NodeContext& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  if (node.inputs() == 1) return node.pass(0, node.input(0));
  ir::ValueId total = node.input(0);
  for (std::size_t i = 1; i + 1 < node.inputs(); ++i) {
    total = node.emit_before(ir::Binary{ir::BinaryKind::add}, {total, node.input(i)});
  }
  node.emit(ir::Binary{ir::BinaryKind::add}, {total, node.input(node.inputs() - 1)});
}

void softmax(NodeContext& node) {
  const bool flatten = node.opset() < 13;
  const std::size_t rank = node.shape(0).size();
  ir::Softmax op{node.integer("axis", flatten ? 1 : -1), flatten};
  if (flatten && op.axis == static_cast<std::int64_t>(rank)) {
    return node.emit(op, node.all_inputs(1));
  }
  try {
    op.axis = ir::normalize_axis(op.axis, rank);
  } catch (const InputError& error) {
    node.refuse("{}", error.what());
  }
  // Over the last dimension alone, both definitions agree.
  if (op.axis + 1 == static_cast<std::int64_t>(rank)) op.flatten = false;
  node.emit(op, node.all_inputs(1));
}

void reduce_mean(NodeContext& node) {
  ir::ReduceMean op;
  op.keep_dims = node.flag("keepdims", true);
  const bool as_input = node.opset() >= 18;
  std::optional<Ints> axes = as_input ? std::nullopt : node.integers("axes");
  if (as_input && node.has_input(1)) axes = node.constant_integers(1, "the axes");
  const bool noop = as_input && node.flag("noop_with_empty_axes", false);
  node.all_inputs(as_input ? 2 : 1);
  if (!axes || (as_input && axes->empty())) {
    if (noop) return node.pass(0, node.input(0));
    axes.emplace(node.shape(0).size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  op.axes = *axes;
  node.emit(op, {node.input(0)});
}

void quantize_linear(NodeContext& node) {
  node.emit(ir::QuantizeLinear{node.integer("axis", 1)}, node.all_inputs(3));
}
void dequantize_linear(NodeContext& node) {
  node.emit(ir::DequantizeLinear{node.integer("axis", 1)}, node.all_inputs(3));
}

void cast(NodeContext& node) {
  const std::int64_t to = node.required_integer("to");
  if (to < 0 || to > std::numeric_limits<int>::max()) node.refuse("unknown element type {}", to);
  DType dtype{};
  try {
    dtype = element_type(static_cast<int>(to), "attribute 'to'");
  } catch (const InputError& error) {
    node.refuse("{}", error.what());
  }
  node.all_inputs(1);
  // Half and double precision were widened or narrowed at import, so such casts are the identity.
  if (dtype == node.dtype(0)) return node.pass(0, node.input(0));
  node.emit(ir::Cast{dtype}, {node.input(0)});
}

}  // namespace

void add_value_translators(Translators& table) {
  table.insert({{"Relu", relu},
                {"LeakyRelu", leaky_relu},
                {"Clip", clip},
                {"PRelu", prelu},
                {"Sigmoid", sigmoid},
                {"Tanh", tanh},
                {"HardSigmoid", hard_sigmoid},
                {"HardSwish", hard_swish},
                {"Add", add},
                {"Sub", sub},
                {"Mul", mul},
                {"Div", div},
                {"Sum", sum},
                {"Softmax", softmax},
                {"ReduceMean", reduce_mean},
                {"QuantizeLinear", quantize_linear},
                {"DequantizeLinear", dequantize_linear},
                {"Cast", cast}});
}

}  // namespace syncopate::onnx
