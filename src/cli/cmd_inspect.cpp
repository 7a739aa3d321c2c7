#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "flow/inspect.h"
#include "flow/sparsity.h"
#include "report/format.h"

namespace syncopate::cli {
namespace {

using report::Table;
using report::Tone;

std::string as_json(const flow::GraphSummary& summary) {
  nlohmann::ordered_json json{{"format", "syncopate-inspect"},
                              {"version", 1},
                              {"name", summary.name},
                              {"source", summary.source},
                              {"synthetic", summary.synthetic},
                              {"macs", summary.macs},
                              {"parameters", summary.parameters},
                              {"weights", summary.weights},
                              {"zeros", summary.zeros}};
  for (const auto& [key, ports] :
       {std::pair{"inputs", &summary.inputs}, std::pair{"outputs", &summary.outputs}}) {
    json[key] = nlohmann::ordered_json::array();
    for (const auto& port : *ports) {
      json[key].push_back({{"name", port.name}, {"type", port.dtype}, {"shape", port.shape}});
    }
  }
  json["nodes"] = nlohmann::ordered_json::array();
  for (const flow::NodeSummary& node : summary.nodes) {
    json["nodes"].push_back({{"name", node.name},
                             {"op", node.op},
                             {"shape", node.shape},
                             {"macs", node.macs},
                             {"parameters", node.parameters},
                             {"weights", node.weights},
                             {"zeros", node.zeros},
                             {"distinct", node.distinct},
                             {"distinct_is_lower_bound", node.distinct == flow::kManyDistinct}});
  }
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string dash_if(bool absent, std::string text) { return absent ? "\u00b7" : std::move(text); }

std::vector<Table::Cell> row_of(const flow::NodeSummary& node) {
  const bool none = node.weights == 0;
  const double zero =
      none ? 0 : static_cast<double>(node.zeros) / static_cast<double>(node.weights);
  const std::string distinct = node.distinct == flow::kManyDistinct
                                   ? fmt::format("\u2265{}", flow::kManyDistinct)
                                   : report::grouped(node.distinct);
  const Tone tone = none ? Tone::dim : Tone::plain;
  return {{report::shortened(node.name, 40), tone, ""},
          {node.op, tone, ""},
          {node.shape, Tone::dim, ""},
          {dash_if(node.macs == 0, report::short_count(static_cast<double>(node.macs))), tone, ""},
          {dash_if(node.parameters == 0, report::grouped(node.parameters)), tone, ""},
          {dash_if(none, report::percent(zero)), zero > 0 ? Tone::good : tone, ""},
          {dash_if(none, distinct), tone, ""}};
}

std::string as_table(const flow::GraphSummary& summary, const report::TextStyle& style) {
  std::string out = report::toned(summary.source, Tone::strong, style);
  if (summary.synthetic) out += report::toned("  [synthetic weights]", Tone::bubble, style);
  out += '\n';
  for (const auto& [key, ports] :
       {std::pair{"input", &summary.inputs}, std::pair{"output", &summary.outputs}}) {
    for (const auto& port : *ports) {
      out += report::toned(fmt::format("{:<8}", key), Tone::dim, style);
      out += fmt::format("{} {}[{}]\n", report::shortened(port.name, 60), port.dtype, port.shape);
    }
  }
  out += '\n';
  Table table;
  table.add_column("node", Table::Align::left);
  table.add_column("operator", Table::Align::left);
  table.add_column("output", Table::Align::left, 50);
  table.add_column("MACs", Table::Align::right);
  table.add_column("parameters", Table::Align::right, 70);
  table.add_column("zero", Table::Align::right);
  table.add_column("distinct", Table::Align::right, 60);
  for (const flow::NodeSummary& node : summary.nodes) table.add_row(row_of(node));
  table.add_rule();
  const double zero = summary.weights == 0 ? 0
                                           : static_cast<double>(summary.zeros) /
                                                 static_cast<double>(summary.weights);
  table.add_row({{fmt::format("{} nodes", summary.nodes.size()), Tone::strong, ""},
                 {},
                 {},
                 {report::short_count(static_cast<double>(summary.macs)), Tone::strong, ""},
                 {report::grouped(summary.parameters), Tone::strong, ""},
                 {report::percent(zero), Tone::strong, ""},
                 {}});
  return out + table.render(style);
}

void show_sparsity(const InspectArguments& arguments, Console& console) {
  const Output html("--report", arguments.html);
  const ir::Graph graph = flow::load_model(to_model(arguments.model));
  flow::SparsityOptions options;
  const auto load = [&](const std::string& model) -> std::optional<ir::Graph> {
    if (model.empty()) return std::nullopt;
    ModelArguments other = arguments.model;
    other.model = model;
    return flow::load_model(to_model(other));
  };
  const std::optional<ir::Graph> against = load(arguments.against);
  const std::optional<ir::Graph> initial = load(arguments.initial);
  if (against) options.against = &*against;
  if (initial) options.initial = &*initial;
  options.irregularity.typical_prediction = arguments.typical_prediction;
  options.convergence.top = arguments.larger;
  const report::Outcome outcome = flow::sparsity(graph, options);
  if (html.wanted()) html.write(report::to_html(outcome), console);
  if (html.is_stdout()) return;
  console.print(arguments.json ? report::to_json(outcome)
                               : report::to_text(outcome, console.style()));
}

}  // namespace

void inspect_command(const InspectArguments& arguments, Console& console) {
  if (arguments.sparsity) return show_sparsity(arguments, console);
  const ir::Graph graph = flow::load_model(to_model(arguments.model));
  if (arguments.text) return console.print(ir::to_text(graph));
  const flow::GraphSummary summary = flow::summarize(graph);
  console.print(arguments.json ? as_json(summary) : as_table(summary, console.style()));
}

}  // namespace syncopate::cli
