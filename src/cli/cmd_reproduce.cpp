#include <fmt/core.h>

#include <cstdlib>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "reproduce/paper.h"

namespace syncopate::cli {
namespace {

std::string papers_text(const report::TextStyle& style) {
  report::Table table;
  table.add_column("paper", report::Table::Align::left);
  table.add_column("what is compared", report::Table::Align::left);
  for (const reproduce::Paper* paper : reproduce::all()) {
    table.add_row({{std::string(paper->name), report::Tone::strong, ""},
                   {std::string(paper->summary), report::Tone::plain, ""}});
  }
  return table.render(style);
}

}  // namespace

void reproduce_command(const ReproduceArguments& arguments, Console& console) {
  if (arguments.paper.empty()) return console.print(papers_text(console.style()));
  const Output json("--json", arguments.json);
  const Output html("--report", arguments.html);
  const reproduce::Paper& paper = reproduce::find(arguments.paper);
  reproduce::Options options;
  options.data = arguments.data;
  options.networks = arguments.networks;
  if (options.data.empty()) {
    const char* folder = std::getenv("SYNCOPATE_DATA");
    if (folder != nullptr) options.data = folder;
  }
  ProgressBar bar(console.progress_visible());
  const report::Outcome outcome = paper.run(options, [&](const std::string& step) {
    check_interrupt();
    bar.update(paper.name, step, 0, 0);
  });
  bar.clear();
  if (json.wanted()) json.write(report::to_json(outcome), console);
  if (html.wanted()) html.write(report::to_html(outcome), console);
  if (!json.is_stdout() && !html.is_stdout())
    console.print(report::to_text(outcome, console.style()));
}

}  // namespace syncopate::cli
