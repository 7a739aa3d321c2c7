// Compiled alone: Tensor is this project's here, libtorch's in other files of the folder.
#include "train/parameters.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <span>

#include "base/random.h"

namespace syncopate::train {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

/// Elements of all dimensions but the listed one.
std::int64_t others(const Shape& shape, std::size_t dimension) {
  return element_count(shape) / std::max<std::int64_t>(shape[dimension], 1);
}

/// Collects what one node trains.
class Collector {
 public:
  explicit Collector(const Graph& graph) : graph_(graph), deep_(graph.values.size(), false) {}

  void visit(const Node& node) {
    node_ = &node;
    layer_ = false;
    std::visit([this](const auto& op) { collect(op); }, node.op);
    bool deep = layer_;
    for (const ValueId id : node.inputs) deep |= id != ir::kNoValue && is_deep(id);
    for (const ValueId id : node.outputs) {
      if (id != ir::kNoValue) deep_[static_cast<std::size_t>(id)] = deep;
    }
  }
  Trainable take() && { return std::move(result_); }

 private:
  bool is_deep(ValueId id) const { return deep_[static_cast<std::size_t>(id)]; }
  /// The constant at input `slot`, when it is one of floats.
  const ir::Value* constant(std::size_t slot) const {
    if (slot >= node_->inputs.size() || node_->inputs[slot] == ir::kNoValue) return nullptr;
    const ir::Value& value = graph_.value(node_->inputs[slot]);
    return value.constant && value.dtype == DType::f32 ? &value : nullptr;
  }
  void add(std::size_t slot, Role role, std::int64_t fan_in = 1) {
    layer_ = true;
    if (constant(slot) == nullptr || !seen_.insert(node_->inputs[slot]).second) return;
    result_.parameters.push_back({node_->inputs[slot], role, std::max<std::int64_t>(fan_in, 1)});
  }
  void collect(const ir::Conv&) {
    const ir::Value* weights = constant(1);
    add(1, Role::weight, weights ? others(weights->constant->shape(), 0) : 1);
    add(2, Role::bias);
  }
  void collect(const ir::ConvTranspose& op) {
    const ir::Value* weights = constant(1);
    add(1, Role::weight, weights ? others(weights->constant->shape(), 1) / op.group : 1);
    add(2, Role::bias);
  }
  void collect(const ir::Gemm& op) {
    for (const std::size_t slot : {0U, 1U}) {
      const ir::Value* weights = constant(slot);
      const bool transposed = slot == 0 ? op.trans_a : op.trans_b;
      const std::size_t inputs = (slot == 0) != transposed ? 1 : 0;
      if (weights) add(slot, Role::weight, weights->constant->shape()[inputs]);
    }
    add(2, Role::bias);
  }
  void collect(const ir::MatMul&) {
    for (const std::size_t slot : {0U, 1U}) {
      const ir::Value* weights = constant(slot);
      if (weights == nullptr || weights->constant->shape().empty()) continue;
      const Shape& shape = weights->constant->shape();
      const bool inner_last = slot == 0 || shape.size() == 1;
      add(slot, Role::weight, inner_last ? shape.back() : shape[shape.size() - 2]);
    }
  }
  void collect(const ir::BatchNormalization&) {
    add(1, Role::norm_scale);
    add(2, Role::norm_bias);
    for (const std::size_t slot : {3U, 4U}) {
      if (constant(slot) && seen_.insert(node_->inputs[slot]).second) {
        result_.statistics.push_back({node_->inputs[slot], slot == 4});
      }
    }
  }
  void collect(const ir::PRelu&) { add(1, Role::slope); }
  void collect(const ir::Binary& op) {
    for (const std::size_t slot : {0U, 1U}) {
      const ir::Value* value = constant(slot);
      const ValueId other = node_->inputs[1 - slot];
      if (value == nullptr || value->constant->size() < 2 || !is_deep(other)) continue;
      if (op.kind == ir::BinaryKind::div) continue;
      add(slot, op.kind == ir::BinaryKind::mul ? Role::norm_scale : Role::bias);
    }
  }
  template <class Op>
  void collect(const Op&) {}

  const Graph& graph_;
  std::vector<bool> deep_;  ///< By value: a layer with weights stands before it.
  const Node* node_ = nullptr;
  bool layer_ = false;
  std::set<ValueId> seen_;
  Trainable result_;
};

/// Makes the first filters of every group of a convolution hand on one input each.
void copy_inputs(Graph& graph, const Node& node, std::int64_t groups) {
  std::optional<Tensor>& constant = graph.value(node.inputs[1]).constant;
  if (!constant || constant->dtype() != DType::f32) return;
  const Shape& shape = constant->shape();
  if (!std::all_of(shape.begin() + 2, shape.end(), [](std::int64_t k) { return k % 2 == 1; })) {
    return;
  }
  const std::int64_t inputs = shape[1], outputs = shape[0] / groups;
  if (inputs == 0) return;
  const std::int64_t window = others(shape, 0) / inputs;
  const std::span<float> weights = constant->mutable_data<float>();
  for (std::int64_t group = 0; group < groups; ++group) {
    for (std::int64_t i = 0; i < std::min(inputs, outputs); ++i) {
      const std::int64_t first = (group * outputs + i) * inputs * window;
      std::fill_n(weights.begin() + first, inputs * window, 0.0F);
      weights[static_cast<std::size_t>(first + i * window + window / 2)] = 1;
    }
  }
}

}  // namespace

Trainable trainable(const Graph& graph) {
  Collector collector(graph);
  for (const Node& node : graph.nodes) collector.visit(node);
  return std::move(collector).take();
}

Graph unshared(const Graph& graph, std::map<std::string, std::string>* origins) {
  Graph result = graph;
  std::set<ValueId> seen;
  std::set<std::string> names;
  for (const ir::Value& value : graph.values) names.insert(value.name);
  for (Node& node : result.nodes) {
    for (ValueId& id : node.inputs) {
      if (id == ir::kNoValue || !result.value(id).constant) continue;
      if (seen.insert(id).second || result.value(id).constant->shape().size() != 1) continue;
      std::string name = result.value(id).name + "." + node.name;
      while (!names.insert(name).second) name += "'";
      if (origins != nullptr) (*origins)[name] = result.value(id).name;
      id = result.add_constant(std::move(name), Tensor(*result.value(id).constant));
    }
  }
  return result;
}

void initialize(Graph& graph, std::uint64_t seed, Start start) {
  Random random(seed);
  const Trainable found = trainable(graph);
  for (const Parameter& parameter : found.parameters) {
    Tensor& tensor = *graph.value(parameter.value).constant;
    const double deviation = std::sqrt(2.0 / static_cast<double>(parameter.fan_in));
    for (float& value : tensor.mutable_data<float>()) {
      switch (parameter.role) {
        case Role::weight:
          value = static_cast<float>(random.normal() * deviation);
          break;
        case Role::bias:
        case Role::norm_bias:
          value = 0;
          break;
        case Role::norm_scale:
          value = 1;
          break;
        case Role::slope:
          value = 0.25F;
          break;
      }
    }
  }
  for (const Statistic& statistic : found.statistics) {
    for (float& value : graph.value(statistic.value).constant->mutable_data<float>()) {
      value = statistic.variance ? 1.0F : 0.0F;
    }
  }
  if (start == Start::identity) {
    for (const Node& node : graph.nodes) {
      if (const auto* conv = std::get_if<ir::Conv>(&node.op)) copy_inputs(graph, node, conv->group);
    }
  }
  graph.synthetic = false;
}

}  // namespace syncopate::train
