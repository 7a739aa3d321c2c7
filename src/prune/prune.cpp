#include "prune/prune.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/params.h"

namespace syncopate::prune {
namespace {

/// A weight tensor seen as [group][output][input][height][width], whatever its storage order.
struct Weights {
  ir::ValueId value = ir::kNoValue;
  std::int64_t groups = 1, outputs = 1, inputs = 1, height = 1, width = 1;
  std::int64_t group_stride = 0, output_stride = 0, input_stride = 0, width_stride = 0;
  bool fully_connected = false;

  std::int64_t address(std::int64_t g, std::int64_t o, std::int64_t i, std::int64_t y,
                       std::int64_t x) const {
    return g * group_stride + o * output_stride + i * input_stride + (y * width + x) * width_stride;
  }
};

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
Weights prunable(const ir::Graph& graph, const ir::Node& node) {
  if (node.inputs.size() < 2 || node.inputs[1] == ir::kNoValue) return {};
  const ir::Value& value = graph.value(node.inputs[1]);
  if (!value.constant || value.dtype != DType::f32) return {};
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

Block block_for(const Weights& w, const Options& options) {
  if (options.method == Method::magnitude) return {1, 1, 1, 1};
  if (!w.fully_connected) return options.conv;
  const bool large = w.inputs >= 4096 && w.outputs >= 4096;
  return large ? options.fc_large : options.fc_small;
}

std::int64_t blocks_along(std::int64_t extent, std::int64_t block) {
  return (extent + block - 1) / block;
}

/// Calls visit(block index, weight address) for every weight, blocks in raster order.
template <class Visit>
void for_each_weight(const Weights& w, const Block& block, const Visit& visit) {
  const std::int64_t across_inputs = blocks_along(w.inputs, block.inputs);
  const std::int64_t across_outputs = blocks_along(w.outputs, block.outputs);
  const std::int64_t down = blocks_along(w.height, block.height);
  const std::int64_t across = blocks_along(w.width, block.width);
  for (std::int64_t g = 0; g < w.groups; ++g) {
    for (std::int64_t o = 0; o < w.outputs; ++o) {
      const std::int64_t row = g * across_outputs + o / block.outputs;
      for (std::int64_t i = 0; i < w.inputs; ++i) {
        const std::int64_t column = row * across_inputs + i / block.inputs;
        for (std::int64_t y = 0; y < w.height; ++y) {
          for (std::int64_t x = 0; x < w.width; ++x) {
            const std::int64_t b = (column * down + y / block.height) * across + x / block.width;
            visit(static_cast<std::size_t>(b), static_cast<std::size_t>(w.address(g, o, i, y, x)));
          }
        }
      }
    }
  }
}

std::size_t block_count(const Weights& w, const Block& block) {
  return static_cast<std::size_t>(
      w.groups * blocks_along(w.outputs, block.outputs) * blocks_along(w.inputs, block.inputs) *
      blocks_along(w.height, block.height) * blocks_along(w.width, block.width));
}

/// One number per block: how much information it holds.
std::vector<float> block_scores(const Weights& w, const Block& block, Criterion criterion,
                                std::span<const float> values) {
  std::vector<float> scores(block_count(w, block), 0.0F);
  std::vector<std::int32_t> sizes(criterion == Criterion::average ? scores.size() : 0, 0);
  for_each_weight(w, block, [&](std::size_t b, std::size_t address) {
    const float magnitude = std::abs(values[address]);
    if (criterion == Criterion::max) {
      scores[b] = std::max(scores[b], magnitude);
    } else {
      scores[b] += magnitude;
      ++sizes[b];
    }
  });
  for (std::size_t b = 0; b < sizes.size(); ++b) scores[b] /= static_cast<float>(sizes[b]);
  return scores;
}

/// Marks the `kept` blocks with the highest scores; ties go to the earlier block.
std::vector<std::uint8_t> choose_blocks(const std::vector<float>& scores, std::size_t kept) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(kept);
  if (kept < order.size()) std::nth_element(order.begin(), middle, order.end(), better);
  std::vector<std::uint8_t> keep(scores.size(), 0);
  for (auto it = order.begin(); it != middle; ++it) keep[*it] = 1;
  return keep;
}

LayerReport prune_layer(ir::Graph& graph, const ir::Node& node, const Weights& w, double density,
                        const Options& options) {
  const Block block = block_for(w, options);
  Tensor& tensor = *graph.value(w.value).constant;
  const std::vector<float> scores = block_scores(w, block, options.criterion, tensor.data<float>());
  const auto wanted =
      static_cast<std::int64_t>(std::llround(density * static_cast<double>(scores.size())));
  const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(1, wanted));
  const std::vector<std::uint8_t> keep = choose_blocks(scores, std::min(kept, scores.size()));

  LayerReport report{node.name, std::string(name_of(node.op)), tensor.size(), 0, 0, 0, 1};
  report.blocks = static_cast<std::int64_t>(scores.size());
  report.blocks_kept = static_cast<std::int64_t>(std::min(kept, scores.size()));
  double before = 0, after = 0;
  auto values = tensor.mutable_data<float>();
  for_each_weight(w, block, [&](std::size_t b, std::size_t address) {
    const double square = static_cast<double>(values[address]) * values[address];
    before += square;
    if (keep[b] == 0) values[address] = 0;
    if (values[address] != 0) {
      ++report.kept;
      after += square;
    }
  });
  report.energy_kept = before > 0 ? after / before : 1;
  return report;
}

void check_options(const ir::Graph& graph, const Options& options) {
  const auto check_density = [](double density, const std::string& what) {
    if (!(density > 0 && density <= 1)) {
      fail("prune: {} is {}; expected a fraction above 0 and at most 1", what, density);
    }
  };
  check_density(options.density, "density");
  for (const Block& block : {options.conv, options.fc_large, options.fc_small}) {
    if (std::min({block.inputs, block.outputs, block.height, block.width}) < 1) {
      fail("prune: block extents must be at least 1");
    }
  }
  std::vector<std::string> names;
  for (const ir::Node& node : graph.nodes) names.push_back(node.name);
  const auto check_name = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string guess = nearest(name, names);
    fail("prune: no node is named '{}'{}", name,
         guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess));
  };
  for (const auto& [name, density] : options.layer_density) {
    check_name(name);
    check_density(density, fmt::format("density of '{}'", name));
  }
  for (const std::string& name : options.keep) check_name(name);
}

}  // namespace

std::vector<LayerReport> prune(ir::Graph& graph, const Options& options) {
  check_options(graph, options);
  std::vector<LayerReport> reports;
  for (const ir::Node& node : graph.nodes) {
    const Weights weights = prunable(graph, node);
    if (weights.value == ir::kNoValue || options.keep.contains(node.name)) continue;
    const auto own = options.layer_density.find(node.name);
    const double density = own == options.layer_density.end() ? options.density : own->second;
    reports.push_back(prune_layer(graph, node, weights, density, options));
  }
  if (reports.empty()) {
    fail("{}: nothing to prune; expected Conv, Gemm or MatMul layers with float weights",
         graph.source);
  }
  return reports;
}

std::vector<std::uint8_t> mask_of(const Tensor& weights) {
  const auto values = weights.data<float>();
  std::vector<std::uint8_t> mask(values.size());
  std::transform(values.begin(), values.end(), mask.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value != 0); });
  return mask;
}

}  // namespace syncopate::prune
