#include <fmt/format.h>

#include <cstdlib>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "reproduce/paper.h"

namespace syncopate::cli {

void reproduce_command(const ReproduceArguments& arguments, Console& console) {
  if (arguments.paper.empty()) {
    report::Table table;
    table.add_column("paper", report::Table::Align::left);
    table.add_column("what is compared", report::Table::Align::left);
    for (const reproduce::Paper* paper : reproduce::all()) {
      table.add_row({{std::string(paper->name), report::Tone::strong, ""},
                     {std::string(paper->summary), report::Tone::plain, ""}});
    }
    console.print(table.render(console.style()));
    return;
  }
  const reproduce::Paper& paper = reproduce::find(arguments.paper);
  const Output json("--json", arguments.json);
  reproduce::Options options{arguments.data};
  const char* data = std::getenv("SYNCOPATE_DATA");
  if (options.data.empty() && data != nullptr) options.data = data;
  ProgressBar bar(console.progress_visible());
  const reproduce::Outcome outcome =
      paper.run(options, [&](const std::string& step) { bar.update("reproduce", step, 0, 0); });
  bar.clear();
  if (!json.is_stdout()) console.print(reproduce::to_text(outcome, console.style()));
  if (json.wanted()) json.write(reproduce::to_json(outcome), console);
}

}  // namespace syncopate::cli
