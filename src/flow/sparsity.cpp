#include "flow/sparsity.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "prune/imbalance.h"

namespace syncopate::flow {
namespace {

using prune::LayerConvergence;
using prune::LayerImbalance;
using prune::LayerIrregularity;
using report::number;
using report::words;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

report::Cell ratio_cell(double ratio) {
  return std::isnan(ratio) ? words("\u00b7") : number(ratio, 2, "x");
}

double ratio(std::int64_t fine, std::int64_t coarse) {
  return coarse == 0 ? kNone : static_cast<double>(fine) / static_cast<double>(coarse);
}

double mean(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? kNone : sum / count;
}

/// A layer here, the same layer in the other network, and both ratios.
struct Pair {
  LayerIrregularity here, there;
  double jbig = kNone, index = kNone;
};

std::vector<Pair> pairs_of(const ir::Graph& graph, const SparsityOptions& options) {
  std::map<std::string, LayerIrregularity> others;
  if (options.against != nullptr) {
    for (auto& layer : prune::irregularity(*options.against, options.irregularity)) {
      others[layer.node] = layer;
    }
  }
  std::vector<Pair> pairs;
  for (auto& layer : prune::irregularity(graph, options.irregularity)) {
    Pair pair{layer};
    if (options.against != nullptr) {
      const auto found = others.find(layer.node);
      if (found == others.end() || found->second.weights != layer.weights) {
        fail(
            "{}: no layer '{}' of {} weights as {} has; expected the same network pruned otherwise",
            options.against->source, layer.node, layer.weights, graph.source);
      }
      pair.there = found->second;
      pair.jbig = ratio(pair.there.jbig, layer.jbig);
      pair.index = ratio(pair.there.index.bytes, layer.index.bytes);
    }
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Pair total_of(const std::vector<Pair>& pairs) {
  Pair total;
  total.here.node = "all layers";
  const auto add = [](LayerIrregularity& sum, const LayerIrregularity& more) {
    sum.weights += more.weights;
    sum.kept += more.kept;
    sum.jbig += more.jbig;
    sum.index.bytes += more.index.bytes;
  };
  for (const Pair& pair : pairs) {
    add(total.here, pair.here);
    add(total.there, pair.there);
  }
  total.jbig = ratio(total.there.jbig, total.here.jbig);
  total.index = ratio(total.there.index.bytes, total.here.index.bytes);
  return total;
}

report::Cell kept_cell(const LayerIrregularity& layer) {
  return number(100 * ratio(layer.kept, std::max<std::int64_t>(1, layer.weights)), 1, " %");
}

std::vector<report::Cell> irregularity_row(const Pair& pair, bool against, bool total) {
  const LayerIrregularity& here = pair.here;
  std::vector<report::Cell> row{words(here.node),
                                words(total ? "" : fmt::format("{} x {}", here.rows, here.columns)),
                                kept_cell(here),
                                number(static_cast<double>(here.jbig), 0),
                                number(static_cast<double>(here.index.bytes), 0),
                                words(total ? "" : here.index.format)};
  if (!against) return row;
  row.push_back(kept_cell(pair.there));
  row.push_back(number(static_cast<double>(pair.there.jbig), 0));
  row.push_back(number(static_cast<double>(pair.there.index.bytes), 0));
  row.push_back(words(total ? "" : pair.there.index.format));
  row.push_back(ratio_cell(pair.jbig));
  row.push_back(ratio_cell(pair.index));
  return row;
}

report::ResultTable irregularity_table(const std::vector<Pair>& pairs,
                                       const SparsityOptions& options) {
  report::ResultTable table;
  table.title = "Irregularity: bytes that say which weights remain";
  table.columns = {"layer", "picture", "kept", "JBIG", "index", "as"};
  if (options.against != nullptr) {
    for (const char* column :
         {"kept there", "JBIG there", "index there", "as there", "R JBIG", "R index"}) {
      table.columns.emplace_back(column);
    }
    std::vector<double> jbig, index;
    for (const Pair& pair : pairs) {
      jbig.push_back(pair.jbig);
      index.push_back(pair.index);
    }
    table.notes.push_back(fmt::format(
        "R is the size there ({}) over the size here. Mean of the layers' R: JBIG {:.2f}x, index "
        "{:.2f}x.",
        options.against->source, mean(jbig), mean(index)));
  }
  for (const Pair& pair : pairs) {
    table.rows.push_back(irregularity_row(pair, options.against != nullptr, false));
  }
  table.rows.push_back(irregularity_row(total_of(pairs), options.against != nullptr, true));
  table.notes.emplace_back(
      "A picture has a line per input and kernel position and a column per output. Index: the "
      "smallest of the formats machines store, zeros that a format makes one store counted as 16 "
      "bits; one bit per window where whole windows went.");
  return table;
}

report::Plot ratio_plot(const std::vector<Pair>& pairs) {
  report::Plot plot;
  plot.title = "Irregularity there over here, by layer";
  plot.x_label = "layer";
  plot.y_label = "R";
  plot.bars = true;
  plot.series = {{"JBIG", {}}, {"index", {}}};
  for (const Pair& pair : pairs) {
    plot.categories.push_back(pair.here.node);
    plot.series[0].values.push_back(pair.jbig);
    plot.series[1].values.push_back(pair.index);
  }
  return plot;
}

report::ResultTable imbalance_table(const ir::Graph& graph) {
  report::ResultTable table;
  table.title = "Imbalance: 1 is even";
  table.columns = {"layer", "kernels", "fullest kernel", "fullest output", "16 lanes", "32 lanes"};
  for (const LayerImbalance& layer : prune::imbalance(graph, {16, 32})) {
    table.rows.push_back({words(layer.node), number(static_cast<double>(layer.kernels), 0),
                          number(layer.kernel, 2), number(layer.output, 2),
                          number(layer.lanes[0], 3), number(layer.lanes[1], 3)});
  }
  table.notes.emplace_back(
      "Fullest over mean; in 1x1 and fully connected layers a kernel is 32 inputs of an output. "
      "Lanes: what consecutive outputs in lock step take over what their weights are.");
  return table;
}

double at(const prune::WindowCounts& counts, std::size_t t) {
  return t < counts.size() ? counts[t] : kNone;
}

report::Cell share_cell(double share) {
  return std::isnan(share) ? words("\u00b7") : number(100 * share, 2, " %");
}

report::ResultTable convergence_table(const std::vector<LayerConvergence>& layers,
                                      const SparsityOptions& options) {
  constexpr std::size_t kLevel = 4;  // the paper's: windows with at least four
  const std::int64_t side = options.convergence.window;
  report::ResultTable table;
  table.title =
      fmt::format("Local convergence: {} x {} windows with at least {} of the largest {:g} %", side,
                  side, kLevel, 100 * options.convergence.top);
  table.columns = {"layer", "windows", "as it is", "in random order", "over random"};
  if (options.initial != nullptr) table.columns.emplace_back("before training");
  for (const LayerConvergence& layer : layers) {
    const double own = at(layer.weights, kLevel), random = at(layer.permuted, kLevel);
    table.rows.push_back({words(layer.node), number(static_cast<double>(layer.windows), 0),
                          share_cell(own), share_cell(random),
                          ratio_cell(random > 0 ? own / random : kNone)});
    if (options.initial != nullptr)
      table.rows.back().push_back(share_cell(at(layer.initial, kLevel)));
  }
  return table;
}

report::Plot convergence_plot(const LayerConvergence& all) {
  report::Plot plot;
  plot.title = "Local convergence, all layers";
  plot.x_label = "larger weights in a window, at least";
  plot.y_label = "share of windows";
  plot.series = {{"as they are", all.weights}, {"in random order", all.permuted}};
  if (!all.initial.empty()) plot.series.push_back({"before training", all.initial});
  for (std::size_t t = 0; t < all.weights.size(); ++t) plot.categories.push_back(std::to_string(t));
  return plot;
}

}  // namespace

report::Outcome sparsity(const ir::Graph& graph, const SparsityOptions& options) {
  report::Outcome outcome;
  outcome.title = "sparsity of " + graph.source;
  const std::vector<Pair> pairs = pairs_of(graph, options);
  if (pairs.empty()) {
    fail("{}: no Conv, Gemm or MatMul layers with float weights, so no sparsity to show",
         graph.source);
  }
  outcome.tables.push_back(irregularity_table(pairs, options));
  if (options.against != nullptr) outcome.plots.push_back(ratio_plot(pairs));
  outcome.tables.push_back(imbalance_table(graph));
  auto layers = prune::local_convergence(graph, options.initial, options.convergence);
  if (layers.empty()) return outcome;
  if (total_of(pairs).here.kept < total_of(pairs).here.weights) {
    outcome.notes.emplace_back(
        "Local convergence says what training did only for weights that were never pruned: pruning "
        "in blocks leaves clusters of its own.");
  }
  const LayerConvergence all = prune::mean_convergence(layers);
  outcome.plots.push_back(convergence_plot(all));
  layers.push_back(all);
  outcome.tables.push_back(convergence_table(layers, options));
  return outcome;
}

}  // namespace syncopate::flow
