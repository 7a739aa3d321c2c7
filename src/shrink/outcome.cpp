#include "shrink/outcome.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace syncopate::shrink {
namespace {

using report::Cell;
using report::number;
using report::words;

Cell bytes_cell(std::int64_t bytes) { return number(static_cast<double>(bytes), 0); }

Cell ratio_cell(std::int64_t dense, std::int64_t bytes) {
  return number(static_cast<double>(dense) / static_cast<double>(std::max<std::int64_t>(bytes, 1)),
                1, "x");
}

report::ResultTable stage_table(const Result& result) {
  report::ResultTable table;
  table.title = "Size and accuracy after every stage";
  table.columns = {"stage", "bytes", "smaller by", "top-1", "change"};
  for (const Stage& stage : result.stages) {
    table.rows.push_back({words(stage.name), bytes_cell(stage.bytes),
                          ratio_cell(result.stages[0].bytes, stage.bytes),
                          number(stage.accuracy, 2, " %"),
                          number(stage.accuracy - result.dense_accuracy, 2)});
  }
  if (!result.file.empty()) {
    table.notes = {"The last two are whole files: structure, biases and heads included."};
  }
  return table;
}

report::ResultTable way_table(const Result& result) {
  report::ResultTable table;
  table.title = "On the way";
  table.columns = {"network", "density", "bytes", "epochs", "top-1", "change", "budget"};
  for (const Point& point : result.points) {
    table.rows.push_back({words(point.name), number(100 * point.density, 2, " %"),
                          bytes_cell(point.bytes), number(point.epochs, 0),
                          number(point.accuracy, 2, " %"),
                          number(point.accuracy - result.dense_accuracy, 2),
                          words(point.within ? "holds" : "exceeded")});
  }
  return table;
}

report::ResultTable layer_table(const Result& result) {
  report::ResultTable table;
  table.title = "Layers";
  table.columns = {"layer", "weights", "density", "index", "stored as", "bytes", "smaller by"};
  for (const codec::StageSizes& tensor : result.sizes.tensors) {
    if (!tensor.weights) continue;
    const auto density = static_cast<double>(tensor.nonzero) / static_cast<double>(tensor.elements);
    table.rows.push_back({words(tensor.node), bytes_cell(tensor.elements),
                          number(100 * density, 2, " %"), words(tensor.index_format),
                          words(tensor.form), bytes_cell(tensor.coded),
                          ratio_cell(tensor.dense, tensor.coded)});
  }
  return table;
}

/// Accuracy over size, every measured network a category, largest first.
report::Plot size_plot(const Result& result, const Options& options) {
  std::vector<std::size_t> order(result.points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return result.points[a].bytes > result.points[b].bytes;
  });
  report::Plot plot;
  plot.title = "Accuracy against size";
  plot.x_label = "bytes: float32 with an index, then coded files with codebooks";
  plot.y_label = "top-1, %";
  report::Series within{"within the budget", {}}, beyond{"beyond it", {}};
  double least = result.dense_accuracy - options.budget;
  for (const std::size_t i : order) {
    const Point& point = result.points[i];
    plot.categories.push_back(fmt::format("{:.1f} KB", static_cast<double>(point.bytes) / 1000));
    const double none = std::numeric_limits<double>::quiet_NaN();
    within.values.push_back(point.within ? point.accuracy : none);
    beyond.values.push_back(point.within ? none : point.accuracy);
    least = std::min(least, point.accuracy);
  }
  plot.series = {within, beyond};
  plot.targets = {{"dense", result.dense_accuracy},
                  {"budget", result.dense_accuracy - options.budget}};
  plot.from = std::max(0.0, std::floor(least - 0.3));
  return plot;
}

}  // namespace

report::Outcome to_outcome(const Result& result, const Options& options) {
  report::Outcome outcome;
  outcome.title = fmt::format("Compressing {}", result.network);
  outcome.notes = {
      fmt::format("{} pruning, {}, a budget of {} points of top-1.",
                  prune::name_of(options.pruning.method),
                  options.codebooks
                      ? fmt::format("codebooks of at most {} (convolutions) and {} bits (matrices)",
                                    options.conv_bits, options.fc_bits)
                      : "no codebooks",
                  options.budget),
      fmt::format("Layers share {}; test pictures decide only which step is the last.",
                  options.pruning.global ? "a density by one threshold over their weights"
                                         : "the loss by a scan on training pictures")};
  if (!result.within_budget) outcome.notes.push_back("The budget is exceeded.");
  outcome.tables = {stage_table(result), way_table(result), layer_table(result)};
  outcome.plots = {size_plot(result, options)};
  return outcome;
}

}  // namespace syncopate::shrink
