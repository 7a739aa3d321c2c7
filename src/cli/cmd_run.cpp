#include <spdlog/spdlog.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "flow/answers.h"
#include "flow/run.h"
#include "report/format.h"
#include "report/html.h"
#include "report/json.h"
#include "report/terminal.h"

namespace syncopate::cli {
namespace {

flow::RunOptions to_options(const RunArguments& arguments, const std::string& command_line) {
  flow::RunOptions options;
  options.model = to_model(arguments.model);
  options.machines = to_machines(arguments.machines, &options.energy);
  options.input = to_input(arguments.input);
  options.quantize = to_quantize(arguments.precision);
  options.check = sim::check_mode_from(arguments.check);
  if (arguments.rearrange == "static") options.rearrange = flow::Rearrangement::sorted;
  if (arguments.rearrange == "grouped") options.rearrange = flow::Rearrangement::grouped;
  options.dram = arguments.machines.dram;
  options.command = command_line;
  if (!arguments.labels.empty()) options.labels = flow::read_labels(arguments.labels);
  return options;
}

void log_phases(const report::RunResult& result) {
  for (const report::Phase& phase : result.phases) {
    spdlog::info("{:<10} {}", phase.name, report::short_time(phase.seconds));
  }
  for (const report::MachineResult& machine : result.machines) {
    spdlog::info("{}: compiled in {}, counted in {}, replayed in {}", machine.spec.machine,
                 report::short_time(machine.compile_seconds),
                 report::short_time(machine.count_seconds),
                 report::short_time(machine.check_seconds));
  }
  spdlog::info("peak memory {}",
               report::short_bytes(static_cast<double>(result.peak_memory_bytes)));
}

}  // namespace

void run_command(const RunArguments& arguments, const std::string& command_line, Console& console) {
  const Output json("--json", arguments.json);
  const Output csv("--csv", arguments.csv);
  const Output html("--report", arguments.html);
  const flow::RunOptions options = to_options(arguments, command_line);

  ProgressBar bar(console.progress_visible());
  const report::RunResult result = flow::run(options, [&](const flow::Step& step) {
    check_interrupt();
    bar.update(step.phase, step.detail, step.done, step.total);
  });
  bar.clear();
  log_phases(result);
  check_interrupt();

  if (json.wanted()) json.write(report::to_json(result), console);
  if (csv.wanted()) csv.write(report::to_csv(result), console);
  if (html.wanted()) html.write(report::to_html(result), console);
  // Data on standard output stays alone there.
  if (json.is_stdout() || csv.is_stdout() || html.is_stdout()) return;
  report::TerminalOptions terminal;
  terminal.style = console.style();
  if (arguments.all_layers) terminal.most_layers = 0;
  console.print(report::terminal_report(result, terminal));
  if (html.wanted() && console.progress_visible()) {
    console.message(fmt::format("report: {}", html.path()));
  }
}

}  // namespace syncopate::cli
