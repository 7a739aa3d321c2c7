#include "reproduce/synthetic_network.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <variant>

#include "base/error.h"
#include "ref/float_net.h"
#include "zoo/networks.h"
#include "zoo/synthetic.h"

namespace syncopate::reproduce {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

bool has_weights(const ir::Node& node) {
  return std::holds_alternative<ir::Conv>(node.op) || std::holds_alternative<ir::Gemm>(node.op);
}

bool is_rectifier(const ir::Node& node) {
  const auto* unary = std::get_if<ir::Unary>(&node.op);
  return unary != nullptr && unary->kind == ir::UnaryKind::relu;
}

double density_of(std::span<const float> values) {
  const auto zeros = std::count(values.begin(), values.end(), 0.0F);
  return 1 - static_cast<double>(zeros) / static_cast<double>(values.size());
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

/// Who makes and who reads the values of a graph.
class Links {
 public:
  explicit Links(const ir::Graph& graph) {
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const ir::ValueId out : graph.nodes[n].outputs) producer_[out] = n;
      for (const ir::ValueId in : graph.nodes[n].inputs) readers_[in].push_back(n);
    }
  }
  /// kNone for inputs and constants.
  std::size_t producer(ir::ValueId value) const {
    const auto found = producer_.find(value);
    return found == producer_.end() ? kNone : found->second;
  }
  /// kNone when there is none, or several.
  std::size_t only_reader(ir::ValueId value) const {
    const auto found = readers_.find(value);
    return found == readers_.end() || found->second.size() != 1 ? kNone : found->second.front();
  }

 private:
  std::map<ir::ValueId, std::size_t> producer_;
  std::map<ir::ValueId, std::vector<std::size_t>> readers_;
};

/// What stands before a rectifier.
struct Settling {
  std::size_t rectifier = 0;
  std::size_t layer = 0;            ///< The node with the weights.
  std::vector<std::size_t> again;   ///< Nodes to run again once the bias is set; its own first.
  std::vector<std::size_t> pools;   ///< Max pooling behind it.
  ir::ValueId read = ir::kNoValue;  ///< What the next layer reads.
};

/// Sets the biases of one network.
class Settler {
 public:
  Settler(SyntheticNetwork& network, const std::vector<zoo::LayerDensity>& table,
          const SyntheticOptions& options)
      : network_(network),
        graph_(network.graph),
        table_(table),
        options_(options),
        links_(network.graph),
        random_(options.seed) {}

  void run() {
    zero_biases();
    live_[graph_.inputs.at(0)] = network_.input;
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (is_rectifier(graph_.nodes[n])) settle(n);
      evaluate(n);
    }
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) report(n);
  }

 private:
  void zero_biases() {
    for (const ir::Node& node : graph_.nodes) {
      if (has_weights(node) && node.inputs.size() > 2) zero(node.inputs[2]);
    }
  }
  void zero(ir::ValueId value) {
    const auto values = graph_.value(value).constant->mutable_data<float>();
    std::fill(values.begin(), values.end(), 0.0F);
  }

  /// One node on what was evaluated before it, into another place than its output.
  Tensor run_node(const ir::Node& node, const std::map<ir::ValueId, Tensor>& values) const {
    ir::Graph part = graph_;
    part.nodes = {node};
    part.inputs.clear();
    std::vector<Tensor> inputs;
    for (const ir::ValueId in : node.inputs) {
      if (in == ir::kNoValue || graph_.value(in).constant) continue;
      if (std::find(part.inputs.begin(), part.inputs.end(), in) != part.inputs.end()) continue;
      part.inputs.push_back(in);
      inputs.push_back(values.at(in));
    }
    part.outputs = {node.outputs[0]};
    ir::remove_dead(part);
    const ref::FloatNet net(part, {}, ref::Runs::once);
    return net.run(inputs).at(0);
  }
  void evaluate(std::size_t n) {
    live_[graph_.nodes[n].outputs[0]] = run_node(graph_.nodes[n], live_);
  }

  /// Finds the bias that node `n` or one before it adds last; false where there is none.
  bool find_bias(std::size_t n, Settling& to) const {
    if (n == kNone) return false;
    const ir::Node& node = graph_.nodes[n];
    if (has_weights(node)) {
      to.layer = n;
      if (node.inputs.size() < 3) fail("{}: a synthetic network needs biases", node.name);
    } else if (std::holds_alternative<ir::BatchNormalization>(node.op)) {
      to.layer = links_.producer(node.inputs[0]);
      if (to.layer == kNone || !has_weights(graph_.nodes[to.layer])) return false;
    } else if (std::holds_alternative<ir::Binary>(node.op)) {
      bool found = false;
      for (std::size_t i = 0; i < node.inputs.size() && !found; ++i) {
        found = links_.only_reader(node.inputs[i]) == n &&
                find_bias(links_.producer(node.inputs[i]), to);
      }
      if (!found) return false;
    } else {
      return false;
    }
    to.again.push_back(n);
    return true;
  }

  /// Follows what alone reads the rectifier's output: rectification and max pooling commute, and
  /// what lies between (LRN) keeps zeros.
  void find_reader(Settling& to) const {
    to.read = graph_.nodes[to.rectifier].outputs[0];
    for (;;) {
      const std::size_t next = links_.only_reader(to.read);
      if (next == kNone) return;
      const ir::Op& op = graph_.nodes[next].op;
      const auto* pool = std::get_if<ir::Pool>(&op);
      if (pool != nullptr && pool->kind == ir::PoolKind::max) to.pools.push_back(next);
      const bool passes = to.pools.size() > 0 && to.pools.back() == next;
      if (!passes && !std::holds_alternative<ir::Lrn>(op)) return;
      to.read = graph_.nodes[next].outputs[0];
    }
  }

  void settle(std::size_t rectifier) {
    Settling at;
    at.rectifier = rectifier;
    if (!find_bias(links_.producer(graph_.nodes[rectifier].inputs[0]), at)) return;
    find_reader(at);
    read_of_[at.layer] = at.read;
    const double wanted = wanted_of(graph_.nodes[at.layer].name);
    if (wanted >= 1) return;
    Tensor before = live_.at(graph_.nodes[rectifier].inputs[0]);
    for (const std::size_t pool : at.pools) {
      before = run_node(graph_.nodes[pool], {{graph_.nodes[pool].inputs[0], before}});
    }
    const ir::ValueId bias = graph_.nodes[at.again.front()].inputs[2];
    Tensor settled = *graph_.value(bias).constant;
    const Tensor old = settled;
    set_biases(settled, before, wanted, options_, random_);
    const auto values = settled.mutable_data<float>();
    for (std::size_t c = 0; c < values.size(); ++c) values[c] += old.data<float>()[c];
    graph_.value(bias).constant = std::move(settled);
    for (const std::size_t n : at.again) evaluate(n);
  }

  double wanted_of(const std::string& layer) const {
    if (options_.table.empty()) return options_.activations;
    for (const zoo::LayerDensity& entry : table_) {
      if (entry.layer == layer) return entry.output;
    }
    fail("density table {}: {} has no layer '{}'", options_.table, options_.network, layer);
  }

  void report(std::size_t n) {
    const ir::Node& node = graph_.nodes[n];
    if (!has_weights(node)) return;
    const auto read = read_of_.find(n);
    const Tensor& output = live_.at(read == read_of_.end() ? node.outputs[0] : read->second);
    network_.reached.push_back({node.name,
                                density_of(graph_.value(node.inputs[1]).constant->data<float>()),
                                density_of(output.data<float>())});
  }

  SyntheticNetwork& network_;
  ir::Graph& graph_;
  const std::vector<zoo::LayerDensity>& table_;
  const SyntheticOptions& options_;
  Links links_;
  Random random_;
  std::map<ir::ValueId, Tensor> live_;
  std::map<std::size_t, ir::ValueId> read_of_;  ///< By layer.
};

}  // namespace

SyntheticNetwork make_synthetic(const SyntheticOptions& options) {
  return make_synthetic(zoo::network(options.network, options.seed), options);
}

SyntheticNetwork make_synthetic(ir::Graph graph, const SyntheticOptions& options) {
  SyntheticNetwork result;
  result.graph = std::move(graph);
  std::vector<zoo::LayerDensity> table;
  if (!options.table.empty()) table = zoo::densities(options.table, options.network);
  WeightDensities weights;
  if (options.weights) weights.others = *options.weights;
  if (!options.weights) {
    for (const zoo::LayerDensity& layer : table) weights.layers[layer.layer] = layer.weights;
  }
  prune_to(result.graph, options.structure, weights);
  zoo::to_codebook(result.graph, options.conv_levels, options.fc_levels);
  const Shape& shape = result.graph.value(result.graph.inputs.at(0)).shape;
  result.input = zoo::smooth_picture(shape, options.seed);
  Settler(result, table, options).run();
  return result;
}

}  // namespace syncopate::reproduce
