#include <fmt/core.h>

#include "cli/commands.h"
#include "report/format.h"
#include "sim/dram.h"

namespace syncopate::cli {
namespace {

using report::Table;
using report::Tone;

constexpr std::int64_t kRequests = 50'000;

/// One access pattern on one preset: sustained bandwidth and latency.
std::vector<Table::Cell> row_of(const sim::DramSpec& spec, const std::string& name,
                                const sim::DramPattern& pattern) {
  const std::vector<sim::DramRequest> trace = sim::make_trace(spec, pattern);
  const sim::DramResult result = sim::replay(spec, trace);
  const double efficiency = result.peak_gbps == 0 ? 0 : result.gbps / result.peak_gbps;
  const double picojoules_per_bit =
      result.energy.total() / (static_cast<double>(result.requests * spec.burst_bytes()) * 8);
  return {{spec.name, Tone::strong, ""},
          {name, Tone::plain, ""},
          {fmt::format("{:.2f} GB/s", result.gbps), Tone::plain, ""},
          {report::percent(efficiency), efficiency > 0.8 ? Tone::good : Tone::plain, ""},
          {fmt::format("{} to {}", result.latency_min, result.latency_max), Tone::dim, ""},
          {fmt::format("{:.1f} pJ", picojoules_per_bit), Tone::dim, ""}};
}

}  // namespace

void dram_command(const DramArguments& arguments, Console& console) {
  const std::vector<std::string> presets =
      arguments.presets.empty() ? sim::dram_presets() : arguments.presets;
  Table table;
  table.add_column("memory", Table::Align::left);
  table.add_column("pattern", Table::Align::left);
  table.add_column("sustained", Table::Align::right);
  table.add_column("of peak", Table::Align::right);
  table.add_column("latency, clocks", Table::Align::right, 70);
  table.add_column("energy per bit", Table::Align::right, 60);
  using Kind = sim::DramPattern::Kind;
  for (const std::string& preset : presets) {
    const sim::DramSpec spec = sim::load_dram(preset);
    table.add_row(row_of(spec, "stream, reads", {Kind::stream, kRequests, 0, 0}));
    table.add_row(row_of(spec, "stream, half writes", {Kind::stream, kRequests, 0, 50}));
    table.add_row(row_of(spec, "random, reads", {Kind::random, kRequests, 0, 0}));
    table.add_row(row_of(spec, "random, half writes", {Kind::random, kRequests, 0, 50}));
  }
  console.print(table.render(console.style()));
}

}  // namespace syncopate::cli
