#include "reproduce/synthetic_network.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <variant>

#include "base/error.h"
#include "prune/prune.h"
#include "ref/float_net.h"
#include "zoo/networks.h"
#include "zoo/synthetic.h"

namespace syncopate::reproduce {
namespace {

bool has_weights(const ir::Node& node) {
  return std::holds_alternative<ir::Conv>(node.op) || std::holds_alternative<ir::Gemm>(node.op);
}

double density_of(std::span<const float> values) {
  const auto zeros = std::count(values.begin(), values.end(), 0.0F);
  return 1 - static_cast<double>(zeros) / static_cast<double>(values.size());
}

/// Runs nodes [first, last) on one tensor, the data input of node `first`; returns `output`.
Tensor run_part(const ir::Graph& graph, std::size_t first, std::size_t last, const Tensor& input,
                ir::ValueId output) {
  ir::Graph part = graph;
  part.inputs = {graph.nodes[first].inputs[0]};
  part.outputs = {output};
  part.nodes.assign(graph.nodes.begin() + static_cast<std::ptrdiff_t>(first),
                    graph.nodes.begin() + static_cast<std::ptrdiff_t>(last));
  ir::remove_dead(part);
  const ref::FloatNet net(part);
  return net.run(std::span(&input, 1)).at(0);
}

/// What the next layer would read of node `at` if it had no rectifier: its output, behind the max
/// pooling that follows. Rectification and max pooling commute, and what lies between (LRN) keeps
/// zeros.
Tensor before_rectifier(const ir::Graph& graph, std::size_t at, std::size_t next,
                        const Tensor& input) {
  ir::Graph part = graph;
  const ir::Node& node = graph.nodes[at];
  part.nodes = {node};
  part.inputs = {node.inputs[0]};
  part.outputs = {node.outputs[0]};
  for (std::size_t i = at + 1; i < next; ++i) {
    const auto* pool = std::get_if<ir::Pool>(&graph.nodes[i].op);
    if (pool == nullptr) continue;
    if (pool->kind != ir::PoolKind::max) fail("{}: expected max pooling", graph.nodes[i].name);
    part.outputs = {part.add_node("pooled", *pool, part.outputs, "pooled before rectifier")};
  }
  ir::infer_shapes(part);
  ir::remove_dead(part);
  const ref::FloatNet net(part);
  return net.run(std::span(&input, 1)).at(0);
}

/// What to add to values, and how many become positive by it.
struct Threshold {
  double bias = 0;
  std::size_t positive = 0;
};

/// Makes about `wanted` of the values positive. Equal values, as overlapping pooling leaves them,
/// stay together. Reorders.
Threshold threshold_for(std::span<float> values, std::size_t wanted) {
  std::sort(values.begin(), values.end(), std::greater<>());
  std::size_t cut = wanted;  // values before it become positive
  if (cut > 0 && cut < values.size() && values[cut - 1] == values[cut]) {
    const auto [first, last] =
        std::equal_range(values.begin(), values.end(), values[cut], std::greater<>());
    const auto low = static_cast<std::size_t>(first - values.begin());
    const auto high = static_cast<std::size_t>(last - values.begin());
    cut = cut - low < high - cut ? low : high;
  }
  const double most = static_cast<double>(values.front());
  const double least = static_cast<double>(values.back());
  const double margin = 0.01 * (most - least) + 1e-6;
  if (cut == 0) return {-most - margin, cut};
  if (cut == values.size()) return {-least + margin, cut};
  const double above = static_cast<double>(values[cut - 1]);
  return {-(above + static_cast<double>(values[cut])) / 2, cut};
}

/// Biases of a layer from its unrectified output [1, channels, ...].
void set_biases(Tensor& bias, Tensor& output, double density, const SyntheticOptions& options,
                Random& random) {
  const auto biases = bias.mutable_data<float>();
  const std::span<float> values = output.mutable_data<float>();
  const auto channels = static_cast<std::int64_t>(biases.size());
  const std::size_t pixels = values.size() / biases.size();
  if (pixels == 1) {  // one value per channel: the fraction is over the layer
    const double positive = std::round(density * static_cast<double>(values.size()));
    const Threshold shared = threshold_for(values, static_cast<std::size_t>(positive));
    std::fill(biases.begin(), biases.end(), static_cast<float>(shared.bias));
    return;
  }
  const auto wanted =
      zoo::spread_densities(random, channels, density, options.channel_concentration);
  double carry = 0.5;  // what small maps and equal values miss must not add up
  for (std::size_t c = 0; c < biases.size(); ++c) {
    carry += wanted[c] * static_cast<double>(pixels);
    const double positive = std::clamp(std::floor(carry), 0.0, static_cast<double>(pixels));
    const Threshold own =
        threshold_for(values.subspan(c * pixels, pixels), static_cast<std::size_t>(positive));
    biases[c] = static_cast<float>(own.bias);
    carry -= static_cast<double>(own.positive);
  }
}

void prune_weights(ir::Graph& graph, const std::vector<zoo::LayerDensity>& table,
                   Structure structure) {
  prune::Options prune;
  prune.method = structure == Structure::fine ? prune::Method::magnitude : prune::Method::coarse;
  for (const zoo::LayerDensity& layer : table) prune.layer_density[layer.layer] = layer.weights;
  prune::prune(graph, prune);
}

const zoo::LayerDensity& entry_of(const std::vector<zoo::LayerDensity>& table,
                                  const std::string& layer, const SyntheticOptions& options) {
  for (const zoo::LayerDensity& entry : table) {
    if (entry.layer == layer) return entry;
  }
  fail("density table {}: {} has no layer '{}'", options.table, options.network, layer);
}

}  // namespace

SyntheticNetwork make_synthetic(const SyntheticOptions& options) {
  SyntheticNetwork result;
  ir::Graph& graph = result.graph;
  graph = zoo::network(options.network, options.seed);
  const auto table = zoo::densities(options.table, options.network);
  prune_weights(graph, table, options.structure);
  zoo::to_codebook(graph, options.conv_levels, options.fc_levels);
  result.input = zoo::smooth_picture(graph.value(graph.inputs.at(0)).shape, options.seed);

  Random random(options.seed);
  Tensor current = result.input;
  std::size_t at = 0;
  while (at < graph.nodes.size() && !has_weights(graph.nodes[at])) ++at;
  while (at < graph.nodes.size()) {
    std::size_t next = at + 1;
    while (next < graph.nodes.size() && !has_weights(graph.nodes[next])) ++next;
    const ir::Node& node = graph.nodes[at];
    const zoo::LayerDensity& wanted = entry_of(table, node.name, options);
    if (node.inputs.size() < 3) fail("{}: a synthetic network needs biases", node.name);
    Tensor& bias = *graph.value(node.inputs[2]).constant;
    std::fill(bias.mutable_data<float>().begin(), bias.mutable_data<float>().end(), 0.0F);
    if (wanted.output < 1) {
      Tensor output = before_rectifier(graph, at, next, current);
      set_biases(bias, output, wanted.output, options, random);
    }
    const ir::ValueId read =
        next < graph.nodes.size() ? graph.nodes[next].inputs[0] : graph.outputs.at(0);
    current = run_part(graph, at, next, current, read);
    result.reached.push_back({node.name,
                              density_of(graph.value(node.inputs[1]).constant->data<float>()),
                              density_of(current.data<float>())});
    at = next;
  }
  return result;
}

}  // namespace syncopate::reproduce
