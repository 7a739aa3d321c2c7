#include <algorithm>

#include "ir/shapes.h"
#include "train/parameters.h"

namespace syncopate::train {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

/// Whether one node treats the pictures of a batch, its first dimension, alike and apart.
class BatchRule {
 public:
  BatchRule(const Graph& graph, const std::vector<bool>& batched, std::int64_t batch)
      : graph_(graph), batched_(batched), batch_(batch) {}

  /// The value has the batch as its first dimension.
  bool leads(ValueId id) const {
    const Shape& shape = graph_.value(id).shape;
    return !shape.empty() && shape[0] == batch_;
  }
  bool holds(const Node& node) {
    node_ = &node;
    for (const ValueId id : node.inputs) {
      if (id != ir::kNoValue && is_batched(id) && !leads(id)) return false;
    }
    for (const ValueId id : node.outputs) {
      if (id != ir::kNoValue && !leads(id)) return false;
    }
    return std::visit([this](const auto& op) { return rule(op); }, node.op);
  }

 private:
  bool is_batched(ValueId id) const { return batched_[static_cast<std::size_t>(id)]; }
  bool input_batched(std::size_t slot) const {
    return slot < node_->inputs.size() && node_->inputs[slot] != ir::kNoValue &&
           is_batched(node_->inputs[slot]);
  }
  const Shape& shape(std::size_t slot) const { return graph_.value(node_->inputs[slot]).shape; }
  std::int64_t axis(std::int64_t given) const {
    return given < 0 ? given + static_cast<std::int64_t>(shape(0).size()) : given;
  }
  /// Every input spans all dimensions of the output, or does not reach its first.
  bool broadcasts() const {
    const std::size_t rank = graph_.value(node_->outputs[0]).shape.size();
    for (std::size_t slot = 0; slot < node_->inputs.size(); ++slot) {
      const bool full = shape(slot).size() == rank;
      if (input_batched(slot) ? !full : full && shape(slot)[0] != 1) return false;
    }
    return true;
  }
  bool data_alone() const {
    for (std::size_t slot = 1; slot < node_->inputs.size(); ++slot) {
      if (input_batched(slot)) return false;
    }
    return true;
  }

  bool rule(const ir::Gemm& op) const {
    return input_batched(0) && !op.trans_a && !input_batched(1) &&
           (node_->inputs.size() < 3 || node_->inputs[2] == ir::kNoValue || input_batched(2) ||
            shape(2).size() < 2 || shape(2)[0] == 1);
  }
  bool rule(const ir::MatMul&) const {
    const std::size_t a = shape(0).size(), b = shape(1).size();
    if (input_batched(0) && input_batched(1)) return a == b && a >= 3;
    if (input_batched(0)) return a >= 2 && (a > b || b == 2 || shape(1)[0] == 1);
    return b >= 3 && (b > a || shape(0)[0] == 1);
  }
  bool rule(const ir::Binary&) const { return broadcasts(); }
  bool rule(const ir::PRelu&) const { return broadcasts(); }
  bool rule(const ir::Softmax& op) const { return axis(op.axis) != 0; }
  bool rule(const ir::Concat& op) const {
    if (axis(op.axis) == 0) return false;
    for (std::size_t slot = 0; slot < node_->inputs.size(); ++slot) {
      if (!input_batched(slot)) return false;
    }
    return true;
  }
  bool rule(const ir::Split& op) const { return axis(op.axis) != 0; }
  bool rule(const ir::Gather& op) const { return axis(op.axis) != 0 && data_alone(); }
  bool rule(const ir::Transpose& op) const { return op.perm.empty() || op.perm[0] == 0; }
  bool rule(const ir::Pad& op) const { return op.before[0] == 0 && op.after[0] == 0; }
  bool rule(const ir::Slice& op) const {
    const ir::SliceRange range = ir::resolve_slice(op, shape(0))[0];
    return range.begin == 0 && range.step == 1 && range.extent == batch_;
  }
  bool rule(const ir::ReduceMean& op) const {
    const ir::Ints axes = ir::normalize_axes(op.axes, shape(0).size());
    return std::ranges::find(axes, 0) == axes.end();
  }
  /// Layers and everything that works element by element or picture by picture. Reshapes, too:
  /// that their input and output lead with the batch is checked for every node.
  template <class Op>
  bool rule(const Op&) const {
    return data_alone();
  }

  const Graph& graph_;
  const std::vector<bool>& batched_;
  std::int64_t batch_;
  const Node* node_ = nullptr;
};

}  // namespace

std::string batch_obstacle(const Graph& graph) {
  std::vector<bool> batched(graph.values.size(), false);
  const Shape first = graph.inputs.empty() ? Shape{} : graph.value(graph.inputs[0]).shape;
  if (first.empty()) return "the network has no input with a batch dimension";
  BatchRule rule(graph, batched, first[0]);
  for (const ValueId id : graph.inputs) {
    batched[static_cast<std::size_t>(id)] = true;
    if (!rule.leads(id)) return "inputs differ in their first extent";
  }
  for (const Node& node : graph.nodes) {
    const bool any = std::ranges::any_of(node.inputs, [&](ValueId id) {
      return id != ir::kNoValue && batched[static_cast<std::size_t>(id)];
    });
    if (!any) continue;
    if (!rule.holds(node)) {
      return fmt::format("{} ({}) mixes or moves the pictures of a batch", node.name,
                         ir::name_of(node.op));
    }
    for (const ValueId id : node.outputs) {
      if (id != ir::kNoValue) batched[static_cast<std::size_t>(id)] = true;
    }
  }
  return "";
}

}  // namespace syncopate::train
