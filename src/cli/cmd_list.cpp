#include <fmt/core.h>

#include "accel/registry.h"
#include "cli/commands.h"
#include "cost/fpga.h"
#include "data/dataset.h"
#include "report/format.h"
#include "sim/memory.h"
#include "zoo/networks.h"

namespace syncopate::cli {
namespace {

using report::Table;
using report::Tone;

std::string names_text() {
  std::string out;
  for (const sim::Accelerator* accelerator : accel::all()) {
    out += fmt::format("{}\n", accelerator->name);
  }
  return out;
}

std::string accelerators_text(const report::TextStyle& style) {
  Table table;
  table.add_column("accelerator", Table::Align::left);
  table.add_column("array", Table::Align::right);
  table.add_column("clock", Table::Align::right, 80);
  table.add_column("peak", Table::Align::right, 90);
  table.add_column("node", Table::Align::right, 70);
  table.add_column("on chip", Table::Align::right, 60);
  table.add_column("what it is", Table::Align::left, 95);
  for (const sim::Accelerator* accelerator : accel::all()) {
    const arch::Spec spec = accelerator->spec({});
    std::int64_t bytes = 0;
    for (const arch::Buffer& buffer : spec.buffers) bytes += buffer.bytes;
    const double peak =
        2e6 * static_cast<double>(spec.multipliers()) * static_cast<double>(spec.clock_mhz);
    table.add_row({{spec.machine, Tone::strong, ""},
                   {fmt::format("{} x {}", spec.lanes, spec.multipliers_per_lane), Tone::plain, ""},
                   {fmt::format("{} MHz", spec.clock_mhz), Tone::plain, ""},
                   {report::short_count(peak) + "OP/s", Tone::plain, ""},
                   {fmt::format("{} nm", spec.node_nm), Tone::plain, ""},
                   {report::short_bytes(static_cast<double>(bytes)), Tone::plain, ""},
                   {spec.description, Tone::dim, ""}});
  }
  return table.render(style);
}

/// What the machine takes of an FPGA, of machines that declare blocks.
std::string fpga_text(const arch::Spec& spec, const report::TextStyle& style) {
  const std::vector<cost::FpgaPart> parts = cost::fpga_of(spec);
  if (parts.empty()) return "";
  const cost::FpgaBoard* board = cost::board_of(spec);
  std::string title = "\nFPGA resources";
  if (board != nullptr) title += fmt::format(", of a {}", board->name);
  Table table;
  table.add_column("component", Table::Align::left);
  for (const cost::FpgaResource& resource : cost::kFpgaResources) {
    table.add_column(std::string(resource.name), Table::Align::right);
  }
  const auto row = [&](const std::string& name, const cost::FpgaUse& use, const cost::FpgaUse& of) {
    std::vector<Table::Cell> cells{{name, Tone::strong, ""}};
    for (const cost::FpgaResource& resource : cost::kFpgaResources) {
      cells.push_back({report::amount(use.*resource.value, of.*resource.value), Tone::plain, ""});
    }
    table.add_row(std::move(cells));
  };
  for (const cost::FpgaPart& part : parts) row(part.component, part.use, {});
  row("total", cost::total(parts), board == nullptr ? cost::FpgaUse{} : board->limits);
  return report::toned(title, Tone::strong, style) + "\n" + table.render(style) +
         report::toned(fmt::format("  Basis: {}.\n", cost::kFpgaBasis), Tone::dim, style);
}

std::string params_text(const std::string& name, const report::TextStyle& style) {
  const arch::Spec spec = accel::find(name).spec({});
  std::string out = report::toned(spec.machine, Tone::strong, style);
  out += fmt::format("  {}\n\n", spec.description);
  Table table;
  table.add_column("parameter", Table::Align::left);
  table.add_column("default", Table::Align::right);
  table.add_column("meaning", Table::Align::left);
  for (const ParamInfo& param : spec.params) {
    table.add_row({{param.name, Tone::strong, ""},
                   {param.default_value, Tone::plain, ""},
                   {param.help, Tone::dim, ""}});
  }
  return out + table.render(style) + fpga_text(spec, style);
}

std::string words(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += fmt::format("  {}\n", name);
  return out;
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const zoo::Entry& entry : zoo::networks())
    names.push_back(fmt::format("zoo:{}", entry.name));
  return names;
}

std::string data_sets_text(const report::TextStyle& style) {
  const std::string root = data::default_data_root();
  Table table;
  table.add_column("data set", Table::Align::left);
  table.add_column("where", Table::Align::left);
  table.add_column("what it is", Table::Align::left, 60);
  for (const data::DataSetInfo& info : data::known_data_sets()) {
    std::string place = "built in";
    if (!info.folders.empty()) {
      place = root.empty() ? "SYNCOPATE_DATA is not set" : data::find_data_set(info, root);
      if (place.empty()) place = fmt::format("not in {}", root);
    }
    table.add_row({{info.name, Tone::strong, ""},
                   {place, Tone::plain, ""},
                   {info.description, Tone::dim, ""}});
  }
  return table.render(style);
}

}  // namespace

void list_command(const ListArguments& arguments, Console& console) {
  const report::TextStyle& style = console.style();
  if (arguments.names) return console.print(names_text());
  if (!arguments.params.empty()) return console.print(params_text(arguments.params, style));
  if (arguments.networks) return console.print(words(network_names()));
  if (arguments.dram) return console.print(words(sim::memory_presets()));
  if (arguments.data_sets) return console.print(data_sets_text(style));
  std::string out = accelerators_text(style);
  out += report::toned("\nnetworks with made-up weights\n", Tone::strong, style);
  out += words(network_names());
  out += report::toned("\nmemories\n", Tone::strong, style);
  out += words(sim::memory_presets());
  out += report::toned("\ndata sets\n", Tone::strong, style);
  out += data_sets_text(style);
  console.print(out);
}

}  // namespace syncopate::cli
