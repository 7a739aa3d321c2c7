#include "ir/graph.h"

#include <limits>

#include "ir/infer.h"

namespace syncopate::ir {
namespace {

struct NameOf {
  std::string_view operator()(const Conv&) const { return "Conv"; }
  std::string_view operator()(const ConvTranspose&) const { return "ConvTranspose"; }
  std::string_view operator()(const Gemm&) const { return "Gemm"; }
  std::string_view operator()(const MatMul&) const { return "MatMul"; }
  std::string_view operator()(const BatchNormalization&) const { return "BatchNormalization"; }
  std::string_view operator()(const Unary& op) const {
    constexpr std::string_view kNames[] = {"Relu", "LeakyRelu",   "Clip",      "Sigmoid",
                                           "Tanh", "HardSigmoid", "HardSwish", "Identity"};
    return kNames[static_cast<std::size_t>(op.kind)];
  }
  std::string_view operator()(const PRelu&) const { return "PRelu"; }
  std::string_view operator()(const Binary& op) const {
    constexpr std::string_view kNames[] = {"Add", "Sub", "Mul", "Div"};
    return kNames[static_cast<std::size_t>(op.kind)];
  }
  std::string_view operator()(const Pool& op) const {
    return op.kind == PoolKind::max ? "MaxPool" : "AveragePool";
  }
  std::string_view operator()(const GlobalPool& op) const {
    return op.kind == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool";
  }
  std::string_view operator()(const Lrn&) const { return "LRN"; }
  std::string_view operator()(const Softmax&) const { return "Softmax"; }
  std::string_view operator()(const Concat&) const { return "Concat"; }
  std::string_view operator()(const Flatten&) const { return "Flatten"; }
  std::string_view operator()(const Reshape&) const { return "Reshape"; }
  std::string_view operator()(const Transpose&) const { return "Transpose"; }
  std::string_view operator()(const Pad&) const { return "Pad"; }
  std::string_view operator()(const Slice&) const { return "Slice"; }
  std::string_view operator()(const Split&) const { return "Split"; }
  std::string_view operator()(const Resize&) const { return "Resize"; }
  std::string_view operator()(const ReduceMean&) const { return "ReduceMean"; }
  std::string_view operator()(const QuantizeLinear&) const { return "QuantizeLinear"; }
  std::string_view operator()(const DequantizeLinear&) const { return "DequantizeLinear"; }
  std::string_view operator()(const QLinearConv&) const { return "QLinearConv"; }
  std::string_view operator()(const QLinearMatMul&) const { return "QLinearMatMul"; }
  std::string_view operator()(const Cast&) const { return "Cast"; }
  std::string_view operator()(const Gather&) const { return "Gather"; }
  std::string_view operator()(const ShapeOf&) const { return "Shape"; }
  std::string_view operator()(const ConstantOfShape&) const { return "ConstantOfShape"; }
  std::string_view operator()(const DepthToSpace&) const { return "DepthToSpace"; }
};

/// Product that stays at the largest integer instead of overflowing.
std::int64_t saturating_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (std::int64_t factor : factors) {
    if (__builtin_mul_overflow(result, factor, &result)) {
      return std::numeric_limits<std::int64_t>::max();
    }
  }
  return result;
}

struct MacsOf {
  const Graph& graph;
  const Node& node;

  const Shape& in(std::size_t i) const { return graph.value(node.inputs[i]).shape; }
  std::int64_t out_count() const { return element_count(graph.value(node.outputs[0]).shape); }
  /// Elements of one kernel of weights [M, C/g, k...].
  static std::int64_t per_kernel(const Shape& weights) {
    return element_count(Shape(weights.begin() + 1, weights.end()));
  }
  static std::int64_t inner(const Shape& a) { return a.back(); }

  std::int64_t operator()(const Conv&) const {
    return saturating_product({out_count(), per_kernel(in(1))});
  }
  std::int64_t operator()(const ConvTranspose&) const {
    return saturating_product({element_count(in(0)), per_kernel(in(1))});
  }
  std::int64_t operator()(const QLinearConv&) const {
    return saturating_product({out_count(), per_kernel(in(3))});
  }
  std::int64_t operator()(const Gemm& op) const {
    return saturating_product({out_count(), in(0)[op.trans_a ? 0 : 1]});
  }
  std::int64_t operator()(const MatMul&) const {
    return saturating_product({out_count(), inner(in(0))});
  }
  std::int64_t operator()(const QLinearMatMul&) const {
    return saturating_product({out_count(), inner(in(0))});
  }
  template <class Op>
  std::int64_t operator()(const Op&) const {
    return 0;
  }
};

/// Marks what reaches an output, walking backwards. Returns which nodes do.
std::vector<bool> live_nodes(const Graph& graph, std::vector<bool>& live_values) {
  for (ValueId id : graph.outputs) live_values[static_cast<std::size_t>(id)] = true;
  std::vector<bool> live(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    for (ValueId id : node.outputs) {
      if (id != kNoValue && live_values[static_cast<std::size_t>(id)]) live[i] = true;
    }
    if (!live[i]) continue;
    for (ValueId id : node.inputs) {
      if (id != kNoValue) live_values[static_cast<std::size_t>(id)] = true;
    }
  }
  for (ValueId id : graph.inputs) live_values[static_cast<std::size_t>(id)] = true;
  return live;
}

}  // namespace

std::string_view name_of(const Op& op) { return std::visit(NameOf{}, op); }

ValueId Graph::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_constant(std::string constant_name, Tensor tensor) {
  Value value{std::move(constant_name), tensor.dtype(), tensor.shape(), {}};
  value.constant = std::move(tensor);
  return add_value(std::move(value));
}

ValueId Graph::add_node(std::string node_name, Op op, std::vector<ValueId> node_inputs,
                        std::string output_name) {
  const ValueId output = add_value({std::move(output_name), DType::f32, {}, {}});
  nodes.push_back({std::move(node_name), std::move(op), std::move(node_inputs), {output}});
  return output;
}

ValueId Graph::find(std::string_view wanted) const {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].name == wanted) return static_cast<ValueId>(i);
  }
  fail("network '{}' has no value '{}'", name, wanted);
}

void infer_shapes(Graph& graph) {
  for (Value& value : graph.values) {
    if (!value.constant) continue;
    value.dtype = value.constant->dtype();
    value.shape = value.constant->shape();
  }
  for (const Node& node : graph.nodes) infer_outputs(graph, node);
}

std::int64_t macs_of(const Graph& graph, const Node& node) {
  return std::visit(MacsOf{graph, node}, node.op);
}

void remove_dead(Graph& graph) {
  std::vector<bool> live_values(graph.values.size(), false);
  const std::vector<bool> live = live_nodes(graph, live_values);

  std::vector<ValueId> renamed(graph.values.size(), kNoValue);
  std::vector<Value> values;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (!live_values[i]) continue;
    renamed[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  const auto rename = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) {
      if (id != kNoValue) id = renamed[static_cast<std::size_t>(id)];
    }
  };
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!live[i]) continue;
    nodes.push_back(std::move(graph.nodes[i]));
    rename(nodes.back().inputs);
    rename(nodes.back().outputs);
  }
  graph.values = std::move(values);
  graph.nodes = std::move(nodes);
  rename(graph.inputs);
  rename(graph.outputs);
}

}  // namespace syncopate::ir
