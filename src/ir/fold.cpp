#include "ir/fold.h"

#include <algorithm>

#include "ir/fold_kernels.h"
#include "ir/shapes.h"

namespace syncopate::ir {
namespace {

/// One node being folded: the operands, and one function per operator that can be.
class NodeFold {
 public:
  NodeFold(Graph& graph, const Node& node, FoldBudget& budget)
      : graph_(graph), node_(node), budget_(budget) {}

  bool operator()(const ShapeOf& op) {
    const Shape& shape = graph_.value(node_.inputs[0]).shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto clamp = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    const std::int64_t start = clamp(op.start);
    const std::int64_t end = std::max(start, clamp(op.end.value_or(rank)));
    const Shape part(shape.begin() + start, shape.begin() + end);
    return store(0, Tensor::from<std::int64_t>({end - start}, part));
  }
  bool operator()(const ConstantOfShape& op) {
    return constant() && store(0, filled(op.value, claim(0)));
  }
  bool operator()(const Unary& op) {
    return op.kind == UnaryKind::identity && constant() && store(0, in(0));
  }
  bool operator()(const Reshape&) { return constant() && store(0, in(0).reshaped(shape(0))); }
  bool operator()(const Flatten&) { return constant() && store(0, in(0).reshaped(shape(0))); }
  bool operator()(const Binary& op) {
    return constant() && store(0, arithmetic(op.kind, in(0), in(1), claim(0)));
  }
  bool operator()(const Cast& op) {
    if (!constant()) return false;
    return store(0, op.to == in(0).dtype() ? in(0) : converted(in(0), op.to, claim(0)));
  }
  bool operator()(const Transpose& op) {
    if (!constant()) return false;
    const auto from = row_major_strides(in(0).shape());
    std::vector<std::int64_t> strides;
    for (std::int64_t axis : op.perm) strides.push_back(from[static_cast<std::size_t>(axis)]);
    return store(0, strided(in(0), 0, strides, claim(0)));
  }
  bool operator()(const Slice& op) {
    if (!constant()) return false;
    std::vector<std::int64_t> strides = row_major_strides(in(0).shape());
    const auto ranges = resolve_slice(op, in(0).shape());
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < ranges.size(); ++d) {
      offset += ranges[d].begin * strides[d];
      strides[d] *= ranges[d].step;
    }
    return store(0, strided(in(0), offset, strides, claim(0)));
  }
  bool operator()(const Split& op) {
    if (!constant()) return false;
    const auto axis = static_cast<std::size_t>(normalize_axis(op.axis, in(0).shape().size()));
    const std::vector<std::int64_t> strides = row_major_strides(in(0).shape());
    std::int64_t at = 0;
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      if (node_.outputs[i] != kNoValue) {
        store(i, strided(in(0), at * strides[axis], strides, claim(i)));
      }
      at += op.sizes[i];
    }
    return true;
  }
  bool operator()(const Concat& op) {
    if (!constant()) return false;
    std::vector<Tensor> parts;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) parts.push_back(in(i));
    return store(0, joined(parts, normalize_axis(op.axis, in(0).shape().size()), claim(0)));
  }
  bool operator()(const Gather& op) {
    return constant() &&
           store(0, gathered(in(0), converted(in(1), DType::i64, in(1).shape()),
                             normalize_axis(op.axis, in(0).shape().size()), claim(0)));
  }
  bool operator()(const QuantizeLinear& op) {
    if (!constant()) return false;
    const bool zero = node_.inputs.size() > 2 && node_.inputs[2] != kNoValue;
    return store(0,
                 quantized(in(0), in(1), zero ? in(2) : Tensor(DType::u8, {}), op.axis, claim(0)));
  }
  template <class Op>
  bool operator()(const Op&) {
    return false;
  }

 private:
  bool constant() const {
    return std::all_of(node_.inputs.begin(), node_.inputs.end(), [&](ValueId id) {
      return id == kNoValue || graph_.value(id).constant.has_value();
    });
  }
  const Tensor& in(std::size_t i) const { return *graph_.value(node_.inputs[i]).constant; }
  const Shape& shape(std::size_t output) const { return graph_.value(node_.outputs[output]).shape; }
  /// The shape of an output about to be allocated, taken off the budget.
  const Shape& claim(std::size_t output) {
    const Value& value = graph_.value(node_.outputs[output]);
    const std::int64_t bytes =
        element_count(value.shape) * static_cast<std::int64_t>(size_of(value.dtype));
    if (bytes > budget_.bytes) {
      fail("the constant '{}' of {} needs {} bytes, more than the {} left for folded constants",
           value.name, to_string(value.shape), bytes, budget_.bytes);
    }
    budget_.bytes -= bytes;
    return value.shape;
  }
  bool store(std::size_t output, Tensor result) {
    graph_.value(node_.outputs[output]).constant = std::move(result);
    return true;
  }

  Graph& graph_;
  const Node& node_;
  FoldBudget& budget_;
};

}  // namespace

bool fold_node(Graph& graph, const Node& node, FoldBudget& budget) {
  const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                [](ValueId id) { return id != kNoValue; });
  if (!used || (node.outputs[0] == kNoValue && node.outputs.size() == 1)) return false;
  try {
    return std::visit(NodeFold(graph, node, budget), node.op);
  } catch (const InputError& error) {
    fail("node '{}' ({}): {}", node.name, name_of(node.op), error.what());
  }
}

void fold_constants(Graph& graph, FoldBudget budget) {
  std::vector<Node> left;
  for (Node& node : graph.nodes) {
    if (!fold_node(graph, node, budget)) left.push_back(std::move(node));
  }
  graph.nodes = std::move(left);
  remove_dead(graph);
}

}  // namespace syncopate::ir
