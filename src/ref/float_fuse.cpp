#include "ref/float_fuse.h"

#include <algorithm>

namespace syncopate::ref {
namespace {

using ir::kNoValue;
using ir::Node;
using ir::ValueId;

class Fuser {
 public:
  Fuser(const ir::Graph& graph, const std::set<ValueId>& kept, const std::set<ValueId>& constants)
      : graph_(graph), constants_(constants), readers_(graph.values.size()) {
    visible_ = kept;
    visible_.insert(graph.outputs.begin(), graph.outputs.end());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (ValueId input : graph.nodes[i].inputs) {
        if (input != kNoValue) readers_[static_cast<std::size_t>(input)].push_back(i);
      }
    }
  }

  std::vector<FusedNode> run() {
    std::vector<bool> taken(graph_.nodes.size(), false);
    std::vector<std::pair<std::size_t, FusedNode>> groups;  // With the position of the last node.
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (taken[i] || is_constant(graph_.nodes[i])) continue;
      FusedNode group;
      group.node = &graph_.nodes[i];
      group.nodes = {group.node};
      group.output = graph_.nodes[i].outputs.at(0);
      std::size_t last = i;
      while (const std::optional<std::size_t> next = sole_reader(group.output)) {
        if (taken[*next] || !absorb(group, graph_.nodes[*next])) break;
        taken[*next] = true;
        last = *next;
      }
      groups.emplace_back(last, group);
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<FusedNode> result;
    for (auto& [position, group] : groups) result.push_back(group);
    return result;
  }

 private:
  bool is_constant(const Node& node) const {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
      return output == kNoValue || constants_.contains(output);
    });
  }

  /// The only node that sees a value, and only once.
  std::optional<std::size_t> sole_reader(ValueId value) const {
    if (value == kNoValue || visible_.contains(value)) return std::nullopt;
    const auto& readers = readers_[static_cast<std::size_t>(value)];
    if (readers.size() != 1) return std::nullopt;
    return readers[0];
  }

  /// Whether a group starts with an operator that can end in something else.
  static bool is_conv(const FusedNode& group) {
    return std::holds_alternative<ir::Conv>(group.node->op);
  }
  static bool takes_activation(const FusedNode& group, const ir::Unary& unary) {
    if (is_conv(group) || std::holds_alternative<ir::Binary>(group.node->op)) return true;
    const bool relu = unary.kind == ir::UnaryKind::relu;
    return relu && (std::holds_alternative<ir::Gemm>(group.node->op) ||
                    std::holds_alternative<ir::MatMul>(group.node->op) ||
                    std::holds_alternative<ir::BatchNormalization>(group.node->op));
  }

  /// Adds `next`, the sole reader of the group's output, to the group if that is possible.
  bool absorb(FusedNode& group, const Node& next) const {
    if (group.activation || graph_.value(group.output).dtype != DType::f32) return false;
    if (group.node->outputs.size() > 1) return false;
    if (const auto* unary = std::get_if<ir::Unary>(&next.op)) {
      const bool identity = unary->kind == ir::UnaryKind::identity;
      if (!identity && !takes_activation(group, *unary)) return false;
      if (!identity) group.activation = *unary;
    } else if (std::holds_alternative<ir::BatchNormalization>(next.op)) {
      if (!is_conv(group) || group.norm || group.residual != kNoValue) return false;
      if (!statistics_known(*group.node, next) || next.inputs[0] != group.output) return false;
      group.norm = &next;
    } else if (const auto* binary = std::get_if<ir::Binary>(&next.op)) {
      const ValueId other = next.inputs[0] == group.output ? next.inputs[1] : next.inputs[0];
      if (!is_conv(group) || binary->kind != ir::BinaryKind::add || group.residual != kNoValue ||
          constants_.contains(other) ||
          graph_.value(other).shape != graph_.value(group.output).shape) {
        return false;
      }
      group.residual = other;
    } else {
      return false;
    }
    group.nodes.push_back(&next);
    group.output = next.outputs.at(0);
    return true;
  }

  bool statistics_known(const Node& conv, const Node& norm) const {
    return constants_.contains(conv.inputs[1]) &&
           (conv.inputs.size() < 3 || conv.inputs[2] == kNoValue ||
            constants_.contains(conv.inputs[2])) &&
           std::all_of(norm.inputs.begin() + 1, norm.inputs.end(),
                       [&](ValueId input) { return constants_.contains(input); });
  }

  const ir::Graph& graph_;
  const std::set<ValueId>& constants_;
  std::set<ValueId> visible_;
  std::vector<std::vector<std::size_t>> readers_;
};

}  // namespace

std::vector<FusedNode> fuse(const ir::Graph& graph, const std::set<ValueId>& kept,
                            const std::set<ValueId>& constants) {
  return Fuser(graph, kept, constants).run();
}

}  // namespace syncopate::ref
