#include <fmt/core.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "flow/tune.h"
#include "report/format.h"
#include "report/table.h"

namespace syncopate::cli {
namespace {

/// "slack=1,2,4"
map::Knob knob_from(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) {
    fail("--vary {}: expected PARAMETER=VALUE,VALUE..., e.g. clock_mhz=500,1000", word);
  }
  map::Knob knob{word.substr(0, equals), {}};
  for (std::size_t begin = equals + 1; begin <= word.size();) {
    const std::size_t end = std::min(word.find(',', begin), word.size());
    if (end == begin) fail("--vary {}: an empty value", word);
    knob.choices.push_back(word.substr(begin, end - begin));
    begin = end + 1;
  }
  return knob;
}

flow::TuneOptions to_options(const TuneArguments& arguments) {
  flow::TuneOptions options;
  options.run.model = to_model(arguments.model);
  options.run.machines = to_machines(arguments.machines, &options.run.energy);
  if (options.run.machines.size() != 1) fail("--on: a search takes one machine");
  options.run.input = to_input(arguments.input);
  options.run.quantize = to_quantize(arguments.precision);
  options.run.dram = arguments.machines.dram;
  for (const std::string& word : arguments.vary) options.knobs.push_back(knob_from(word));
  options.objective = flow::objective_from(arguments.objective);
  options.any_area = arguments.any_area;
  options.budget = arguments.budget;
  options.journal = arguments.journal;
  return options;
}

std::string to_text(const flow::TuneResult& found, const report::TextStyle& style) {
  report::Table table;
  for (const map::Knob& knob : found.knobs) {
    table.add_column(knob.name, report::Table::Align::left);
  }
  for (const char* column : {"time", "energy", "area", "cost"}) {
    table.add_column(column, report::Table::Align::right);
  }
  table.add_column("", report::Table::Align::left);
  const double base = found.points.front().cost(found.objective);
  for (std::size_t i = 0; i < found.points.size(); ++i) {
    const flow::TunePoint& point = found.points[i];
    const bool best = i == found.best;
    const report::Tone tone = best             ? report::Tone::good
                              : !point.allowed ? report::Tone::dim
                                               : report::Tone::plain;
    std::vector<report::Table::Cell> row;
    for (const std::string& value : point.values) row.push_back({value, tone, ""});
    row.push_back({report::short_time(point.seconds), tone, ""});
    row.push_back({report::short_energy(point.picojoules), tone, ""});
    row.push_back({point.mm2 == 0 ? "-" : fmt::format("{:.3f} mm2", point.mm2), tone, ""});
    row.push_back({fmt::format("{:.3f}", point.cost(found.objective) / base), tone, ""});
    const char* remark = best ? "best" : i == 0 ? "start" : point.allowed ? "" : "more area";
    row.push_back({best && i == 0 ? "start, best" : remark, tone, ""});
    table.add_row(std::move(row));
  }
  return fmt::format("{} on {}{}: {} settings\n{}best is {:.1f} % below the start\n", found.model,
                     found.machine, found.synthetic ? " (synthetic weights)" : "",
                     found.points.size(), table.render(style), 100 * found.gain());
}

}  // namespace

void tune_command(const TuneArguments& arguments, Console& console) {
  const flow::TuneOptions options = to_options(arguments);
  ProgressBar bar(console.progress_visible());
  const flow::TuneResult found = flow::tune(options, [&](const flow::Step& step) {
    check_interrupt();
    bar.update(step.phase, step.detail, step.done, step.total);
  });
  bar.clear();
  console.print(to_text(found, console.style()));
}

}  // namespace syncopate::cli
