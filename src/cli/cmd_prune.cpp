#include <fmt/format.h>

#include <charconv>

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

prune::Block to_block(const std::string& text) {
  std::array<std::int64_t, 4> values{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto [next, error] = std::from_chars(at, end, values[i]);
    const bool last = i == 3;
    if (error != std::errc{} || values[i] < 1 ||
        (last ? next != end : next == end || *next != ',')) {
      fail("--block {}: expected inputs,outputs,height,width, each at least 1, e.g. 1,16,1,1",
           text);
    }
    at = next + 1;
  }
  return {values[0], values[1], values[2], values[3]};
}

prune::Options to_options(const PruneArguments& arguments) {
  prune::Options options;
  options.method = arguments.method == "coarse" ? prune::Method::coarse : prune::Method::magnitude;
  options.criterion =
      arguments.criterion == "max" ? prune::Criterion::max : prune::Criterion::average;
  options.density = arguments.density;
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
  if (!arguments.block.empty()) options.conv = to_block(arguments.block);
  return options;
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
  table.add_column("blocks kept", Table::Align::right, 60);
  table.add_column("energy kept", Table::Align::right, 70);
  std::int64_t weights = 0, kept = 0;
  for (const prune::LayerReport& layer : layers) {
    weights += layer.weights;
    kept += layer.kept;
    table.add_row({{report::shortened(layer.node, 40), Tone::plain, ""},
                   {layer.op, Tone::dim, ""},
                   {report::grouped(layer.weights), Tone::plain, ""},
                   {report::percent(part(layer.kept, layer.weights)), Tone::plain, ""},
                   {fmt::format("{} of {}", layer.blocks_kept, layer.blocks), Tone::dim, ""},
                   {report::percent(layer.energy_kept), Tone::plain, ""}});
  }
  table.add_rule();
  table.add_row({{"total", Tone::strong, ""},
                 {},
                 {report::grouped(weights), Tone::strong, ""},
                 {report::percent(part(kept, weights)), Tone::strong, ""},
                 {},
                 {}});
  return table.render(style);
}

}  // namespace

void prune_command(const PruneArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const prune::Options options = to_options(arguments);
  ir::Graph graph = flow::load_model(to_model(arguments.model));
  const std::vector<prune::LayerReport> layers = prune::prune(graph, options);
  output.write(onnx::export_bytes(graph), console);
  if (!output.is_stdout()) console.print(table_of(layers, console.style()));
}

}  // namespace syncopate::cli
