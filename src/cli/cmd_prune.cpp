// Compiled alone: other files of the folder have names of their own that are the same.
#include <fmt/core.h>

#include <array>
#include <charconv>
#include <span>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "onnx/export.h"
#include "prune/prune.h"
#include "report/format.h"

namespace syncopate::cli {
namespace {

using report::Table;
using report::Tone;

/// The extents of "a,b,...", as many as `out` has.
void read_extents(const char* option, const std::string& text, const char* expected,
                  std::span<std::int64_t> out) {
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto [next, error] = std::from_chars(at, end, out[i]);
    const bool last = i + 1 == out.size();
    if (error != std::errc{} || out[i] < 1 || (last ? next != end : next == end || *next != ',')) {
      fail("{} {}: expected {}", option, text, expected);
    }
    at = last ? next : next + 1;
  }
}

prune::Block to_block(const char* option, const std::string& text) {
  std::array<std::int64_t, 4> values{};
  read_extents(option, text, "inputs,outputs,height,width, each at least 1, e.g. 1,16,1,1", values);
  return {values[0], values[1], values[2], values[3]};
}

prune::Block to_matrix_block(const char* option, const std::string& text) {
  std::array<std::int64_t, 2> values{};
  read_extents(option, text, "inputs,outputs, each at least 1, e.g. 16,16", values);
  return {values[0], values[1], 1, 1};
}

/// Method and density: "2:4" is both.
void set_method(prune::Options& options, const PruneArguments& arguments) {
  options.density = arguments.density == 0 ? 0.2 : arguments.density;
  for (const auto method :
       {prune::Method::coarse, prune::Method::magnitude, prune::Method::balanced}) {
    options.method = method;
    if (arguments.method == name_of(method)) return;
  }
  const std::string& text = arguments.method;
  const char* end = text.data() + text.size();
  std::int64_t n = 0;
  const auto [colon, error] = std::from_chars(text.data(), end, n);
  if (error != std::errc{} || colon == end || *colon != ':' ||
      std::from_chars(colon + 1, end, options.m).ptr != end || n < 1 || options.m < 2 ||
      n > options.m) {
    fail(
        "--method {}: expected coarse, magnitude, balanced, or N:M with N of every M inputs kept, "
        "e.g. 2:4",
        text);
  }
  if (arguments.density != 0) {
    fail("--method {} keeps {} of {} inputs; leave out --density", text, n, options.m);
  }
  options.method = prune::Method::n_of_m;
  options.density = static_cast<double>(n) / static_cast<double>(options.m);
}

prune::Scale to_scale(const std::string& word) {
  if (word == "lamp") return prune::Scale::lamp;
  return word == "layer" ? prune::Scale::layer : prune::Scale::none;
}

prune::Criterion to_criterion(const std::string& word) {
  if (word == "average") return prune::Criterion::average;
  return word == "max" ? prune::Criterion::max : prune::Criterion::geometric;
}

void set_layers(prune::Options& options, const PruneArguments& arguments) {
  for (const std::string& word : arguments.layer_density) {
    const std::size_t equals = word.rfind('=');
    double density = 0;
    const char* end = word.data() + word.size();
    if (equals == std::string::npos || equals == 0 ||
        std::from_chars(word.data() + equals + 1, end, density).ptr != end) {
      fail("--layer {}: expected NODE=density, e.g. conv1=0.5", word);
    }
    options.layer_density[word.substr(0, equals)] = density;
  }
  options.keep = {arguments.keep.begin(), arguments.keep.end()};
}

double part(std::int64_t some, std::int64_t all) {
  return all == 0 ? 1 : static_cast<double>(some) / static_cast<double>(all);
}

std::string table_of(const std::vector<prune::LayerReport>& layers,
                     const report::TextStyle& style) {
  Table table;
  table.add_column("node", Table::Align::left);
  table.add_column("operator", Table::Align::left, 50);
  table.add_column("weights", Table::Align::right);
  table.add_column("kept", Table::Align::right);
  table.add_column("window", Table::Align::right, 55);
  table.add_column("windows kept", Table::Align::right, 60);
  table.add_column("energy kept", Table::Align::right, 70);
  std::int64_t weights = 0, kept = 0;
  for (const prune::LayerReport& layer : layers) {
    weights += layer.weights;
    kept += layer.kept;
    table.add_row({{report::shortened(layer.node, 40), Tone::plain, ""},
                   {layer.op, Tone::dim, ""},
                   {report::grouped(layer.weights), Tone::plain, ""},
                   {report::percent(part(layer.kept, layer.weights)), Tone::plain, ""},
                   {layer.structure, Tone::dim, ""},
                   {fmt::format("{} of {}", layer.blocks_kept, layer.blocks), Tone::dim, ""},
                   {report::percent(layer.energy_kept), Tone::plain, ""}});
  }
  table.add_rule();
  table.add_row({{"total", Tone::strong, ""},
                 {},
                 {report::grouped(weights), Tone::strong, ""},
                 {report::percent(part(kept, weights)), Tone::strong, ""},
                 {},
                 {},
                 {}});
  return table.render(style);
}

}  // namespace

prune::Options to_pruning(const PruneArguments& arguments) {
  prune::Options options;
  set_method(options, arguments);
  set_layers(options, arguments);
  options.criterion = to_criterion(arguments.criterion);
  if (!arguments.block.empty()) options.conv = to_block("--block", arguments.block);
  if (!arguments.stride.empty()) options.conv_stride = to_block("--stride", arguments.stride);
  if (!arguments.fc_block.empty()) {
    options.fc_large = options.fc_small = to_matrix_block("--fc-block", arguments.fc_block);
  }
  if (!arguments.fc_stride.empty()) {
    options.fc_stride = to_matrix_block("--fc-stride", arguments.fc_stride);
  }
  options.q_rounding =
      arguments.q_rounding == "down" ? prune::QRounding::down : prune::QRounding::alternate;
  options.group_1x1 = arguments.group;
  options.global = arguments.global;
  options.scale = to_scale(arguments.scale);
  options.least_density = arguments.least_density;
  return options;
}

void prune_command(const PruneArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const prune::Options options = to_pruning(arguments);
  ir::Graph graph = flow::load_model(to_model(arguments.model));
  const std::vector<prune::LayerReport> layers = prune::prune(graph, options);
  output.write(onnx::export_bytes(graph), console);
  if (!output.is_stdout()) console.print(table_of(layers, console.style()));
}

}  // namespace syncopate::cli
