#include "ir/batch_norm.h"

#include <algorithm>
#include <cmath>

namespace syncopate::ir {
namespace {

bool has_constants(const Graph& graph, const Node& node) {
  return node.inputs.size() == 5 &&
         std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId id) {
           const Value& value = graph.value(id);
           return value.constant && value.dtype == DType::f32;
         });
}

std::int64_t uses_of(const Graph& graph, ValueId id) {
  std::int64_t uses = 0;
  for (const Node& node : graph.nodes)
    uses += std::count(node.inputs.begin(), node.inputs.end(), id);
  return uses;
}

/// Makes `id` this node's own.
void own(Graph& graph, const Node& node, ValueId& id) {
  if (uses_of(graph, id) == 1) return;
  Value copy = graph.value(id);
  copy.name = node.name + "/" + copy.name;
  id = graph.add_value(std::move(copy));
}

void merge(Graph& graph, Node& node, BatchNormalization& op) {
  for (std::size_t i = 1; i < 5; ++i) own(graph, node, node.inputs[i]);
  const auto vector = [&](std::size_t input) {
    return graph.value(node.inputs[input]).constant->mutable_data<float>();
  };
  const std::span<float> scale = vector(1), bias = vector(2), mean = vector(3),
                         variance = vector(4);
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(static_cast<double>(variance[c]) + op.epsilon);
    scale[c] = static_cast<float>(factor);
    bias[c] = static_cast<float>(bias[c] - mean[c] * factor);
    mean[c] = 0;
    variance[c] = 1;
  }
  op.epsilon = 0;
}

}  // namespace

int merge_batch_norms(Graph& graph) {
  int merged = 0;
  for (Node& node : graph.nodes) {
    auto* op = std::get_if<BatchNormalization>(&node.op);
    if (op == nullptr || !has_constants(graph, node)) continue;
    merge(graph, node, *op);
    ++merged;
  }
  return merged;
}

bool is_merged_batch_norm(const Graph& graph, const Node& node) {
  const auto* op = std::get_if<BatchNormalization>(&node.op);
  if (op == nullptr || op->epsilon != 0 || !has_constants(graph, node)) return false;
  const auto all = [&](std::size_t input, float value) {
    const std::span<const float> values = graph.value(node.inputs[input]).constant->data<float>();
    return std::ranges::all_of(values, [&](float v) { return v == value; });
  };
  return all(3, 0) && all(4, 1);
}

void unmerge_batch_norm(Graph& graph, Node& node, std::span<const double> mean,
                        std::span<const double> variance) {
  if (!is_merged_batch_norm(graph, node)) broken("{} is no merged normalization", node.name);
  for (std::size_t i = 1; i < 5; ++i) own(graph, node, node.inputs[i]);
  const auto set = [&](std::size_t input, std::size_t channel, double value) {
    graph.value(node.inputs[input]).constant->mutable_data<float>()[channel] =
        static_cast<float>(value);
  };
  const BatchNormalization usual;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const auto constant = [&](std::size_t input) {
      return static_cast<double>(graph.value(node.inputs[input]).constant->data<float>()[c]);
    };
    set(2, c, constant(2) + constant(1) * mean[c]);
    set(1, c, constant(1) * std::sqrt(variance[c] + usual.epsilon));
    set(3, c, mean[c]);
    set(4, c, variance[c]);
  }
  node.op = usual;
}

}  // namespace syncopate::ir
