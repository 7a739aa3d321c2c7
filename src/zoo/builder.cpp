#include "zoo/builder.h"

#include <cmath>

namespace syncopate::zoo {
namespace {

ir::Window window_of(Square square) {
  const ir::Ints pads{square.pad, square.pad};
  return {{square.kernel, square.kernel}, {square.stride, square.stride}, {1, 1}, pads, pads};
}

}  // namespace

Builder::Builder(std::string name, std::uint64_t seed, const Shape& input) : random_(seed) {
  graph_.name = name;
  graph_.source = "zoo:" + name;
  graph_.synthetic = true;
  graph_.inputs.push_back(graph_.add_value({"input", DType::f32, input, {}}));
  channels_.resize(graph_.values.size());
  channels_.back() = input.at(1);
}

std::int64_t Builder::channels(ir::ValueId value) const {
  return channels_.at(static_cast<std::size_t>(value));
}

ir::ValueId Builder::node(const std::string& name, ir::Op op, std::vector<ir::ValueId> inputs,
                          std::int64_t out_channels) {
  const ir::ValueId output = graph_.add_node(name, std::move(op), std::move(inputs), name);
  channels_.resize(graph_.values.size());
  channels_.back() = out_channels;
  return output;
}

ir::ValueId Builder::weights(const std::string& name, const Shape& shape, double deviation) {
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  // Four 16-bit uniforms from one draw: their sum has variance 4/12 in units of 2^16.
  const double scale = deviation / (65536.0 * std::sqrt(4.0 / 12.0));
  for (float& weight : tensor.mutable_data<float>()) {
    const std::uint64_t bits = random_.bits();
    const auto sum = static_cast<std::int64_t>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                               (bits >> 32 & 0xffff) + (bits >> 48));
    weight = static_cast<float>(static_cast<double>(sum - 2 * 65535) * scale);
  }
  return graph_.add_constant(name, std::move(tensor));
}

ir::ValueId Builder::per_channel(const std::string& name, std::int64_t count, double low,
                                 double high) {
  Tensor tensor = Tensor::uninitialized(DType::f32, {count});
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>(low + (high - low) * random_.uniform());
  }
  return graph_.add_constant(name, std::move(tensor));
}

ir::ValueId Builder::conv(const std::string& name, ir::ValueId x, std::int64_t out_channels,
                          Square window, std::int64_t group, bool bias) {
  const std::int64_t in_channels = channels(x) / group;
  const double fan_in = static_cast<double>(in_channels * window.kernel * window.kernel);
  std::vector<ir::ValueId> inputs{x};
  inputs.push_back(weights(name + ".weight",
                           {out_channels, in_channels, window.kernel, window.kernel},
                           std::sqrt(2.0 / fan_in)));
  if (bias) inputs.push_back(per_channel(name + ".bias", out_channels, -0.1, 0.1));
  return node(name, ir::Conv{window_of(window), group}, std::move(inputs), out_channels);
}

ir::ValueId Builder::batch_norm(const std::string& name, ir::ValueId x) {
  const std::int64_t count = channels(x);
  const ir::ValueId scale = per_channel(name + ".scale", count, 0.5, 1.0);
  const ir::ValueId bias = per_channel(name + ".bias", count, -0.2, 0.2);
  const ir::ValueId mean = per_channel(name + ".mean", count, -0.2, 0.2);
  const ir::ValueId variance = per_channel(name + ".variance", count, 0.8, 1.6);
  return node(name, ir::BatchNormalization{}, {x, scale, bias, mean, variance}, count);
}

ir::ValueId Builder::relu(const std::string& name, ir::ValueId x) {
  return node(name, ir::Unary{}, {x}, channels(x));
}

ir::ValueId Builder::pool(const std::string& name, ir::ValueId x, ir::PoolKind kind, Square window,
                          bool ceil_mode) {
  ir::Pool op;
  op.kind = kind;
  op.window = window_of(window);
  op.ceil_mode = ceil_mode;
  return node(name, std::move(op), {x}, channels(x));
}

ir::ValueId Builder::global_average(const std::string& name, ir::ValueId x) {
  return node(name, ir::GlobalPool{}, {x}, channels(x));
}

ir::ValueId Builder::lrn(const std::string& name, ir::ValueId x) {
  return node(name, ir::Lrn{5, 1e-4F, 0.75F, 1}, {x}, channels(x));
}

ir::ValueId Builder::add(const std::string& name, ir::ValueId a, ir::ValueId b) {
  return node(name, ir::Binary{}, {a, b}, channels(a));
}

ir::ValueId Builder::concat(const std::string& name, std::vector<ir::ValueId> parts) {
  std::int64_t total = 0;
  for (ir::ValueId part : parts) total += channels(part);
  return node(name, ir::Concat{1}, std::move(parts), total);
}

ir::ValueId Builder::flatten(const std::string& name, ir::ValueId x, std::int64_t features) {
  return node(name, ir::Flatten{1}, {x}, features);
}

ir::ValueId Builder::dense(const std::string& name, ir::ValueId x, std::int64_t out_features) {
  const std::int64_t in_features = channels(x);
  const ir::ValueId weight = weights(name + ".weight", {out_features, in_features},
                                     std::sqrt(2.0 / static_cast<double>(in_features)));
  const ir::ValueId bias = per_channel(name + ".bias", out_features, -0.1, 0.1);
  ir::Gemm op;
  op.trans_b = true;
  return node(name, op, {x, weight, bias}, out_features);
}

ir::Graph Builder::finish(ir::ValueId output) && {
  graph_.value(output).name = "logits";
  graph_.outputs = {output};
  ir::infer_shapes(graph_);
  return std::move(graph_);
}

}  // namespace syncopate::zoo
