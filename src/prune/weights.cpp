#include "prune/weights.h"

#include <set>

namespace syncopate::prune {
namespace {

Weights conv_weights(ir::ValueId value, const Shape& shape, std::int64_t groups) {
  Weights w;
  w.value = value;
  w.groups = groups;
  w.outputs = shape[0] / groups;
  w.inputs = shape[1];
  w.width = shape.back();
  w.height = 1;
  for (std::size_t d = 2; d + 1 < shape.size(); ++d) w.height *= shape[d];
  w.width_stride = 1;
  w.input_stride = w.height * w.width;
  w.output_stride = w.inputs * w.input_stride;
  w.group_stride = w.outputs * w.output_stride;
  return w;
}

/// `outputs_first`: storage is [outputs][inputs].
Weights matrix_weights(ir::ValueId value, const Shape& shape, bool outputs_first) {
  Weights w;
  w.value = value;
  w.fully_connected = true;
  w.outputs = outputs_first ? shape[0] : shape[1];
  w.inputs = outputs_first ? shape[1] : shape[0];
  w.output_stride = outputs_first ? w.inputs : 1;
  w.input_stride = outputs_first ? 1 : w.outputs;
  return w;
}

/// The node's weights, or a default-constructed Weights when it has none that can be pruned.
Weights weights_of(const ir::Graph& graph, const ir::Node& node) {
  if (node.inputs.size() < 2 || node.inputs[1] == ir::kNoValue) return {};
  const ir::Value& value = graph.value(node.inputs[1]);
  if (!value.constant || value.dtype != DType::f32 || value.constant->empty()) return {};
  if (const auto* conv = std::get_if<ir::Conv>(&node.op)) {
    const bool depthwise = value.shape[1] == 1 && conv->group > 1;
    return depthwise ? Weights{} : conv_weights(node.inputs[1], value.shape, conv->group);
  }
  if (value.shape.size() != 2) return {};
  if (const auto* gemm = std::get_if<ir::Gemm>(&node.op)) {
    return matrix_weights(node.inputs[1], value.shape, gemm->trans_b);
  }
  if (std::holds_alternative<ir::MatMul>(node.op)) {
    return matrix_weights(node.inputs[1], value.shape, false);
  }
  return {};
}

}  // namespace

std::vector<Layer> prunable_layers(const ir::Graph& graph) {
  std::vector<Layer> layers;
  std::set<ir::ValueId> seen;
  for (const ir::Node& node : graph.nodes) {
    const Weights weights = weights_of(graph, node);
    if (weights.value == ir::kNoValue || !seen.insert(weights.value).second) continue;
    layers.push_back(
        {node.name, std::string(name_of(node.op)), graph.value(weights.value).name, weights});
  }
  return layers;
}

}  // namespace syncopate::prune
