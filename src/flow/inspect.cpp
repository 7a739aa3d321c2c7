#include "flow/inspect.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_set>

#include "base/error.h"

namespace syncopate::flow {
namespace {

std::string window_text(const ir::Window& window) {
  std::string text = fmt::format("{}", fmt::join(window.kernel, "x"));
  const auto all_one = [](const ir::Ints& values) {
    return std::all_of(values.begin(), values.end(), [](auto v) { return v == 1; });
  };
  if (!all_one(window.strides)) text += fmt::format("/{}", fmt::join(window.strides, ","));
  if (!all_one(window.dilations)) text += fmt::format(" d{}", fmt::join(window.dilations, ","));
  return text;
}

std::string op_text(const ir::Op& op) {
  std::string text(ir::name_of(op));
  const auto grouped = [&](const ir::Window& window, std::int64_t group) {
    text += fmt::format(" {}", window_text(window));
    if (group > 1) text += fmt::format(" g{}", group);
  };
  if (const auto* conv = std::get_if<ir::Conv>(&op)) grouped(conv->window, conv->group);
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) grouped(conv->window, conv->group);
  if (const auto* conv = std::get_if<ir::QLinearConv>(&op)) grouped(conv->window, conv->group);
  if (const auto* pool = std::get_if<ir::Pool>(&op))
    text += fmt::format(" {}", window_text(pool->window));
  return text;
}

/// Which input holds the weights, or -1.
int weight_input(const ir::Op& op) {
  if (std::holds_alternative<ir::Conv>(op) || std::holds_alternative<ir::ConvTranspose>(op) ||
      std::holds_alternative<ir::Gemm>(op) || std::holds_alternative<ir::MatMul>(op)) {
    return 1;
  }
  if (std::holds_alternative<ir::QLinearConv>(op) ||
      std::holds_alternative<ir::QLinearMatMul>(op)) {
    return 3;
  }
  return -1;
}

struct WeightFacts {
  std::int64_t zeros = 0, distinct = 0;
};

template <class T>
WeightFacts facts_of(std::span<const T> values) {
  WeightFacts facts;
  std::unordered_set<T> seen;
  for (const T value : values) {
    facts.zeros += value == T{0} ? 1 : 0;
    if (std::ssize(seen) < kManyDistinct) seen.insert(value);
  }
  facts.distinct = std::ssize(seen);
  return facts;
}

WeightFacts facts_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32:
      return facts_of(tensor.data<float>());
    case DType::i8:
      return facts_of(tensor.data<std::int8_t>());
    case DType::u8:
      return facts_of(tensor.data<std::uint8_t>());
    case DType::i16:
      return facts_of(tensor.data<std::int16_t>());
    case DType::i32:
      return facts_of(tensor.data<std::int32_t>());
    default:
      return {};
  }
}

/// The constant an operand comes from: itself, or what a DequantizeLinear before it reads.
ir::ValueId constant_behind(const ir::Graph& graph, ir::ValueId id) {
  if (graph.value(id).constant) return id;
  for (const ir::Node& node : graph.nodes) {
    if (std::holds_alternative<ir::DequantizeLinear>(node.op) && !node.outputs.empty() &&
        node.outputs[0] == id && graph.value(node.inputs[0]).constant) {
      return node.inputs[0];
    }
  }
  return ir::kNoValue;
}

GraphSummary::Port port_of(const ir::Value& value) {
  return {value.name, std::string(name_of(value.dtype)), to_string(value.shape)};
}

}  // namespace

GraphSummary summarize(const ir::Graph& graph) {
  GraphSummary summary;
  summary.name = graph.name;
  summary.source = graph.source;
  summary.synthetic = graph.synthetic;
  for (const ir::ValueId id : graph.inputs) summary.inputs.push_back(port_of(graph.value(id)));
  for (const ir::ValueId id : graph.outputs) summary.outputs.push_back(port_of(graph.value(id)));
  std::set<ir::ValueId> counted, counted_weights;
  for (const ir::Node& node : graph.nodes) {
    NodeSummary row;
    row.name = node.name;
    row.op = op_text(node.op);
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                    [](ir::ValueId id) { return id != ir::kNoValue; });
    if (first != node.outputs.end()) row.shape = to_string(graph.value(*first).shape);
    row.macs = ir::macs_of(graph, node);
    for (const ir::ValueId id : node.inputs) {
      if (id == ir::kNoValue || !graph.value(id).constant) continue;
      row.parameters += graph.value(id).constant->size();
      if (counted.insert(id).second) summary.parameters += graph.value(id).constant->size();
    }
    const int at = weight_input(node.op);
    if (at >= 0 && static_cast<std::size_t>(at) < node.inputs.size()) {
      const ir::ValueId id = constant_behind(graph, node.inputs[static_cast<std::size_t>(at)]);
      if (id != ir::kNoValue) {
        const Tensor& weights = *graph.value(id).constant;
        const WeightFacts facts = facts_of(weights);
        row.weights = weights.size();
        row.zeros = facts.zeros;
        row.distinct = facts.distinct;
        if (counted_weights.insert(id).second) {
          summary.weights += row.weights;
          summary.zeros += row.zeros;
        }
      }
    }
    summary.macs += row.macs;
    summary.nodes.push_back(std::move(row));
  }
  return summary;
}

}  // namespace syncopate::flow
