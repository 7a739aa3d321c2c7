#include "flow/qdq.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "base/error.h"

namespace syncopate::flow {
namespace {

constexpr double kLargest = 127;
constexpr std::size_t kCodebook = 256;

template <class... Kinds>
bool is_any(const ir::Op& op) {
  return (std::holds_alternative<Kinds>(op) || ...);
}

bool has_weights(const ir::Op& op) {
  return is_any<ir::Conv, ir::ConvTranspose, ir::Gemm, ir::MatMul>(op);
}

/// Which dimension of a weight tensor counts output channels.
std::size_t channel_axis(const ir::Op& op, std::size_t rank) {
  if (std::holds_alternative<ir::Conv>(op)) return 0;
  if (std::holds_alternative<ir::ConvTranspose>(op)) return 1;
  if (const auto* gemm = std::get_if<ir::Gemm>(&op)) return gemm->trans_b ? 0 : 1;
  return rank - 1;
}

/// Index along `axis` of a row-major element.
std::size_t along(const Shape& shape, std::size_t axis, std::size_t element) {
  std::size_t inner = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
  return element / inner % static_cast<std::size_t>(shape[axis]);
}

bool is_codebook(std::span<const float> values) {
  std::unordered_set<float> seen;
  for (const float value : values) {
    seen.insert(value);
    if (seen.size() > kCodebook) return false;
  }
  return true;
}

float scale_of(double range) { return range > 0 ? static_cast<float>(range / kLargest) : 1.0F; }

/// Builds the new graph node by node.
class Quantizer {
 public:
  Quantizer(const ir::Graph& graph, const gconv::Ranges& ranges) : in_(graph), ranges_(ranges) {
    out_ = graph;
    out_.nodes.clear();
    for (const ir::Node& node : graph.nodes) {
      if (is_any<ir::QuantizeLinear, ir::DequantizeLinear, ir::QLinearConv, ir::QLinearMatMul>(
              node.op)) {
        fail("{}: node '{}' is quantized already; give the float network", graph.source, node.name);
      }
    }
    count_readers();
  }

  ir::Graph build() {
    std::vector<ir::ValueId> map(in_.values.size());
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = static_cast<ir::ValueId>(i);
    map_ = std::move(map);
    for (const ir::ValueId id : in_.inputs) insert_pair(id);
    for (const ir::Node& node : in_.nodes) add(node);
    ir::infer_shapes(out_);
    ir::remove_dead(out_);
    return std::move(out_);
  }

 private:
  void count_readers() {
    readers_.assign(in_.values.size(), {});
    for (const ir::Node& node : in_.nodes) {
      for (const ir::ValueId id : node.inputs) {
        if (id != ir::kNoValue) readers_[static_cast<std::size_t>(id)].push_back(&node);
      }
    }
  }
  bool is_output(ir::ValueId id) const {
    return std::find(in_.outputs.begin(), in_.outputs.end(), id) != in_.outputs.end();
  }
  /// The one node that reads a value, or null.
  const ir::Node* only_reader(ir::ValueId id) const {
    const auto& all = readers_[static_cast<std::size_t>(id)];
    return all.size() == 1 && !is_output(id) ? all.front() : nullptr;
  }
  /// Layers that only move values keep the scale of what they move.
  static bool moves_only(const ir::Node& node) {
    if (const auto* pool = std::get_if<ir::Pool>(&node.op)) return pool->kind == ir::PoolKind::max;
    return is_any<ir::Flatten, ir::Reshape, ir::Transpose, ir::Slice, ir::Split, ir::Resize,
                  ir::DepthToSpace>(node.op);
  }
  /// What is computed together with the node before it, whose sum is then never stored.
  static bool continues(const ir::Node& node) {
    if (const auto* unary = std::get_if<ir::Unary>(&node.op)) {
      return unary->kind == ir::UnaryKind::relu || unary->kind == ir::UnaryKind::clip;
    }
    return std::holds_alternative<ir::BatchNormalization>(node.op);
  }
  bool stored(ir::ValueId id, const ir::Node& producer) const {
    if (is_output(id) || moves_only(producer) || in_.value(id).dtype != DType::f32) return false;
    const ir::Node* reader = only_reader(id);
    return reader == nullptr || !continues(*reader);
  }

  void add(const ir::Node& node) {
    if (absorbed_.contains(&node)) return;
    ir::Node copy = node;
    for (ir::ValueId& id : copy.inputs) {
      if (id != ir::kNoValue) id = map_[static_cast<std::size_t>(id)];
    }
    ir::ValueId result = node.outputs[0];
    if (std::holds_alternative<ir::Conv>(node.op)) result = fold_batch_norm(node, copy);
    if (has_weights(node.op) && in_.value(node.inputs[1]).constant) quantize_weights(copy);
    copy.outputs[0] = result;
    out_.nodes.push_back(std::move(copy));
    for (const ir::ValueId id : node.outputs) {
      const ir::ValueId made = id == node.outputs[0] ? result : id;
      if (made != ir::kNoValue && stored(made, node)) insert_pair(made);
    }
  }

  /// Folds y = scale*(x - mean)/sqrt(variance + epsilon) + bias into the convolution's weights and
  /// bias; returns the value that now is its output.
  ir::ValueId fold_batch_norm(const ir::Node& node, ir::Node& copy) {
    const ir::Node* next = only_reader(node.outputs[0]);
    if (next == nullptr || !std::holds_alternative<ir::BatchNormalization>(next->op) ||
        next->inputs[0] != node.outputs[0] || !out_.value(copy.inputs[1]).constant) {
      return node.outputs[0];
    }
    std::array<Tensor, 4> parts;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::optional<Tensor>& part = in_.value(next->inputs[i + 1]).constant;
      if (!part) return node.outputs[0];
      parts[i] = *part;
    }
    const bool biased = copy.inputs.size() > 2 && copy.inputs[2] != ir::kNoValue;
    if (biased && !out_.value(copy.inputs[2]).constant) return node.outputs[0];
    const float epsilon = std::get<ir::BatchNormalization>(next->op).epsilon;
    Tensor weights = *out_.value(copy.inputs[1]).constant;
    const auto channels = static_cast<std::size_t>(weights.shape()[0]);
    Tensor bias(DType::f32, {weights.shape()[0]});
    const std::span<float> w = weights.mutable_data<float>(), b = bias.mutable_data<float>();
    const std::size_t inner = w.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      const float factor =
          parts[0].data<float>()[c] / std::sqrt(parts[3].data<float>()[c] + epsilon);
      for (std::size_t i = 0; i < inner; ++i) w[c * inner + i] *= factor;
      const float old = biased ? out_.value(copy.inputs[2]).constant->data<float>()[c] : 0;
      b[c] = parts[1].data<float>()[c] + (old - parts[2].data<float>()[c]) * factor;
    }
    copy.inputs.resize(3);
    copy.inputs[1] = out_.add_constant(node.name + "/folded_weights", std::move(weights));
    copy.inputs[2] = out_.add_constant(node.name + "/folded_bias", std::move(bias));
    absorbed_.insert(next);
    return next->outputs[0];
  }

  void quantize_weights(ir::Node& node) {
    const Tensor weights = *out_.value(node.inputs[1]).constant;
    if (weights.dtype() != DType::f32 || weights.empty()) return;
    const std::span<const float> values = weights.data<float>();
    const std::size_t axis = channel_axis(node.op, weights.shape().size());
    const bool single = is_codebook(values) || weights.shape().size() < 2;
    const auto channel_of = [&](std::size_t i) {
      return single ? 0 : along(weights.shape(), axis, i);
    };
    std::vector<double> range(single ? 1 : static_cast<std::size_t>(weights.shape()[axis]), 0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        fail("{}: the weights of '{}' hold NaN or infinite values", in_.source, node.name);
      }
      double& most = range[channel_of(i)];
      most = std::max(most, static_cast<double>(std::abs(values[i])));
    }
    std::vector<float> scales;
    for (const double most : range) scales.push_back(scale_of(most));
    Tensor quantized = Tensor::uninitialized(DType::i8, weights.shape());
    const std::span<std::int8_t> q = quantized.mutable_data<std::int8_t>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float steps = std::nearbyint(values[i] / scales[channel_of(i)]);
      q[i] = static_cast<std::int8_t>(std::clamp(steps, -127.0F, 127.0F));
    }
    const Shape shape = single ? Shape{} : Shape{static_cast<std::int64_t>(scales.size())};
    const std::string base = node.name + "/weights";
    const ir::ValueId data = out_.add_constant(base + "_i8", std::move(quantized));
    const ir::ValueId scale =
        out_.add_constant(base + "_scale", Tensor::from<float>(shape, scales));
    const ir::ValueId zero = out_.add_constant(base + "_zero", Tensor(DType::i8, shape));
    node.inputs[1] = out_.add_node(
        base + "_dequantize", ir::DequantizeLinear{single ? 0 : static_cast<std::int64_t>(axis)},
        {data, scale, zero}, base + "_dequantized");
  }

  /// Later readers of `id` see it through a QuantizeLinear and DequantizeLinear pair.
  void insert_pair(ir::ValueId id) {
    const std::string name = in_.value(id).name;
    const auto range = ranges_.find(name);
    if (range == ranges_.end() || in_.value(id).dtype != DType::f32) return;
    const ir::ValueId scale = out_.add_constant(
        name + "_scale", Tensor::from<float>({}, std::vector<float>{scale_of(range->second)}));
    const ir::ValueId zero = out_.add_constant(name + "_zero", Tensor(DType::i8, {}));
    const ir::ValueId steps = out_.add_node(name + "_quantize", ir::QuantizeLinear{0},
                                            {id, scale, zero}, name + "_quantized");
    map_[static_cast<std::size_t>(id)] = out_.add_node(
        name + "_dequantize", ir::DequantizeLinear{0}, {steps, scale, zero}, name + "_dequantized");
  }

  const ir::Graph& in_;
  const gconv::Ranges& ranges_;
  ir::Graph out_;
  std::vector<ir::ValueId> map_;  ///< What readers of an old value read now.
  std::vector<std::vector<const ir::Node*>> readers_;
  std::unordered_set<const ir::Node*> absorbed_;
};

}  // namespace

ir::Graph to_qdq(const ir::Graph& graph, const gconv::Ranges& ranges) {
  return Quantizer(graph, ranges).build();
}

}  // namespace syncopate::flow
