#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "report/causes.h"
#include "report/format.h"
#include "report/terminal.h"

namespace syncopate::report {
namespace {

using Align = Table::Align;

/// Indices of the layers shown one by one, in network order; the rest is merged.
std::vector<std::size_t> chosen_layers(const MachineResult& machine, std::size_t most) {
  std::vector<std::size_t> order(machine.layers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (most == 0 || order.size() <= most) return order;
  const auto slower = [&](std::size_t a, std::size_t b) {
    return machine.layers[a].stats.cycles > machine.layers[b].stats.cycles;
  };
  std::stable_sort(order.begin(), order.end(), slower);
  order.resize(most - 1);
  std::sort(order.begin(), order.end());
  return order;
}

/// Causes that cost this machine anything beside work.
std::vector<sim::Cause> present_causes(const MachineResult& machine) {
  std::vector<sim::Cause> present;
  for (const sim::Cause cause : kAllCauses) {
    if (cause != sim::Cause::work && machine.total.stats[cause] > 0) present.push_back(cause);
  }
  return present;
}

/// The rows of one machine's table.
class LayerRows {
 public:
  LayerRows(const RunResult& run, const MachineResult& machine, const TextStyle& style)
      : run_(run), machine_(machine), style_(style), causes_(present_causes(machine)) {}

  void add_columns(Table& table) const {
    table.add_column("layer", Align::left);
    table.add_column("kind", Align::left, 50);
    table.add_column("output", Align::left, 20);
    table.add_column("cycles", Align::right);
    table.add_column("time", Align::right, 70);
    table.add_column("util", Align::right, 95);
    table.add_column("pairs", Align::right, 30);
    table.add_column("effectual", Align::right, 75);
    table.add_column("where the cycles go", Align::left, 60);
    for (const sim::Cause cause : causes_) {
      table.add_column(std::string(sim::name_of(cause)), Align::right, 55);
    }
    table.add_column("DRAM", Align::right, 80);
    if (has_energy()) table.add_column("energy", Align::right, 78);
  }

  std::vector<Table::Cell> row(const std::string& name, const std::string& kind,
                               const std::string& shape, const LayerResult& layer,
                               Tone tone) const {
    const sim::Stats& stats = layer.stats;
    const double whole = static_cast<double>(machine_.total.stats.cycles);
    const double time = whole == 0 ? 0 : static_cast<double>(stats.cycles) / whole;
    const double effectual = stats.pairs_required == 0
                                 ? 0
                                 : static_cast<double>(stats.pairs_effectual) /
                                       static_cast<double>(stats.pairs_required);
    std::vector<Table::Cell> cells{
        {shortened(name, 34), tone, ""},
        {kind, Tone::dim, ""},
        {shape, Tone::dim, ""},
        {grouped(stats.cycles), tone, ""},
        {percent(time), tone, ""},
        {percent(share(stats, sim::Cause::work)), tone, ""},
        {short_count(static_cast<double>(stats.pairs_required)), tone, ""},
        {stats.pairs_required == 0 ? "-" : percent(effectual), tone, ""},
        cause_bar(stats, 20, style_)};
    for (const sim::Cause cause : causes_) {
      const double part = share(stats, cause);
      cells.push_back(
          {part == 0 ? "\xc2\xb7" : percent(part), part == 0 ? Tone::dim : tone_of(cause), ""});
    }
    cells.push_back({short_bytes(static_cast<double>(stats.dram_bytes())), tone, ""});
    if (has_energy()) {
      double energy = 0;
      for (const cost::Part& part : layer.energy) energy += part.picojoules;
      cells.push_back({short_energy(energy), tone, ""});
    }
    return cells;
  }

  std::vector<Table::Cell> layer(std::size_t index) const {
    const NetworkLayer& layer = run_.layers[index];
    return row(layer.name, layer.kind, layer.shape, machine_.layers[index], Tone::plain);
  }

 private:
  bool has_energy() const { return !machine_.total.energy.empty(); }

  const RunResult& run_;
  const MachineResult& machine_;
  const TextStyle& style_;
  std::vector<sim::Cause> causes_;
};

std::string legend(const MachineResult& machine, const TextStyle& style) {
  std::string text = toned("  cycles: ", Tone::dim, style);
  bool first = true;
  for (const sim::Cause cause : kAllCauses) {
    if (machine.total.stats[cause] == 0) continue;
    if (!first) text += "  ";
    first = false;
    text += toned(style.color ? "\xe2\x96\x88" : sim::name_of(cause).substr(0, 1), tone_of(cause),
                  style);
    text += toned(fmt::format(" {}", sim::name_of(cause)), Tone::dim, style);
  }
  return text + "\n";
}

}  // namespace

std::string layer_table(const RunResult& run, const MachineResult& machine,
                        const TerminalOptions& options) {
  const TextStyle& style = options.style;
  const arch::Spec& spec = machine.spec;
  std::string out = toned(spec.machine, Tone::strong, style);
  out += toned(fmt::format("  {} lanes x {} multipliers, {} MHz, {}-bit, {} nm, DRAM {}",
                           spec.lanes, spec.multipliers_per_lane, spec.clock_mhz, spec.word_bits,
                           spec.node_nm, machine.dram),
               Tone::dim, style);
  out += "\n";

  Table table;
  const LayerRows rows(run, machine, style);
  rows.add_columns(table);
  const std::vector<std::size_t> shown = chosen_layers(machine, options.most_layers);
  for (const std::size_t index : shown) table.add_row(rows.layer(index));
  if (shown.size() < machine.layers.size()) {
    LayerResult rest;
    std::size_t next = 0;
    for (std::size_t i = 0; i < machine.layers.size(); ++i) {
      if (next < shown.size() && shown[next] == i) {
        ++next;
      } else {
        add(rest, machine.layers[i]);
      }
    }
    table.add_row(rows.row(fmt::format("{} more layers", machine.layers.size() - shown.size()), "",
                           "", rest, Tone::dim));
  }
  table.add_rule();
  table.add_row(rows.row("total", "", "", machine.total, Tone::strong));
  return out + table.render(style) + legend(machine, style);
}

}  // namespace syncopate::report
