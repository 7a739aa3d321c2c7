#include "report/terminal.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

#include "report/causes.h"
#include "report/format.h"

namespace syncopate::report {
namespace {

using Align = Table::Align;

std::string guess_text(const Guess& guess) {
  return guess.label.empty() ? fmt::format("class {} ({:.4g})", guess.index, guess.value)
                             : fmt::format("{} ({:.4g})", shortened(guess.label, 40), guess.value);
}

std::string answers_text(const RunResult& run, const TextStyle& style) {
  std::string out;
  if (run.answers.empty()) return out;
  const Answer& first = run.answers.front();
  const auto line = [&](std::string_view key, const std::string& text) {
    out += toned(fmt::format("{:<9}", key), Tone::dim, style) + text + "\n";
  };
  if (run.answers.size() == 1) {
    if (!first.floating.empty() && !first.fixed.empty()) {
      const Tone tone = first.same_top1 ? Tone::good : Tone::bad;
      line("answer", fmt::format("fixed point {}, float {}  {}", guess_text(first.fixed.front()),
                                 guess_text(first.floating.front()),
                                 toned(first.same_top1 ? "same" : "DIFFERENT", tone, style)));
    }
    line("error", fmt::format("{} relative, {:.3g} at most", percent(first.relative_error),
                              first.max_error));
    return out;
  }
  double worst = 0;
  for (const Answer& answer : run.answers) worst = std::max(worst, answer.relative_error);
  const bool classes = !first.floating.empty();
  if (classes) {
    line("answers",
         fmt::format("top-1 as in float for {} of {} inputs",
                     run.answers.size() - static_cast<std::size_t>(std::count_if(
                                              run.answers.begin(), run.answers.end(),
                                              [](const Answer& a) { return !a.same_top1; })),
                     run.answers.size()));
  }
  line("error", fmt::format("{} relative at worst", percent(worst)));
  return out;
}

/// Rows of the comparison: a name and one text per machine.
class Comparison {
 public:
  Comparison(const RunResult& run, const TextStyle& style) : run_(run), style_(style) {
    table_.add_column("per inference", Align::left);
    for (const MachineResult& machine : run.machines) {
      table_.add_column(machine.spec.machine, Align::right);
    }
  }

  using Text = std::function<std::string(const MachineResult&)>;
  void row(const std::string& name, const Text& text, Tone tone = Tone::plain) {
    std::vector<Table::Cell> cells{{name, tone == Tone::strong ? tone : Tone::dim, ""}};
    for (const MachineResult& machine : run_.machines) cells.push_back({text(machine), tone, ""});
    table_.add_row(std::move(cells));
  }
  void ratio_row(const std::string& name,
                 const std::function<double(const MachineResult&)>& better) {
    std::vector<Table::Cell> cells{{name, Tone::dim, ""}};
    for (const MachineResult& machine : run_.machines) {
      const double value = better(machine);
      const Tone tone = value > 1.005 ? Tone::good : value < 0.995 ? Tone::bad : Tone::plain;
      cells.push_back({ratio(value), tone, ""});
    }
    table_.add_row(std::move(cells));
  }
  void rule() { table_.add_rule(); }
  std::string render() const { return table_.render(style_); }

 private:
  const RunResult& run_;
  const TextStyle& style_;
  Table table_;
};

double per_input(const RunResult& run, std::int64_t value) {
  return static_cast<double>(value) / static_cast<double>(std::max<std::int64_t>(1, run.inputs));
}

void add_time_rows(Comparison& rows, const RunResult& run) {
  const MachineResult& base = run.machines.front();
  rows.row(
      "time", [&](const auto& m) { return short_time(m.seconds_per_input(run.inputs)); },
      Tone::strong);
  rows.row("frames/s", [&](const auto& m) {
    const double seconds = m.seconds_per_input(run.inputs);
    return seconds == 0 ? std::string("-") : short_count(1 / seconds);
  });
  if (run.machines.size() > 1) {
    rows.ratio_row(fmt::format("speed vs {}", base.spec.machine),
                   [&](const auto& m) { return speedup(m, base); });
  }
  rows.row("utilization", [](const auto& m) { return percent(m.utilization()); });
  for (const sim::Cause cause : kAllCauses) {
    const auto present = [&](const MachineResult& m) { return m.total.stats[cause] > 0; };
    if (cause == sim::Cause::work ||
        std::none_of(run.machines.begin(), run.machines.end(), present))
      continue;
    rows.row(fmt::format("  lost to {}", sim::name_of(cause)),
             [&](const auto& m) { return percent(share(m.total.stats, cause)); });
  }
}

void add_pair_rows(Comparison& rows, const RunResult& run) {
  const auto of_required = [](const MachineResult& m, std::int64_t pairs) {
    const auto required = static_cast<double>(m.total.stats.pairs_required);
    return required == 0 ? std::string("-") : percent(static_cast<double>(pairs) / required);
  };
  rows.row("pairs required", [&](const auto& m) {
    return short_count(per_input(run, m.total.stats.pairs_required));
  });
  rows.row("  issued", [&](const auto& m) { return of_required(m, m.total.stats.pairs_issued); });
  rows.row("  effectual",
           [&](const auto& m) { return of_required(m, m.total.stats.pairs_effectual); });
}

void add_memory_rows(Comparison& rows, const RunResult& run) {
  const auto bytes = [&](std::int64_t value) { return short_bytes(per_input(run, value)); };
  rows.row("DRAM", [&](const auto& m) { return bytes(m.total.stats.dram_bytes()); }, Tone::strong);
  rows.row("  neurons", [&](const auto& m) { return bytes(m.total.stats.neuron_read_bytes); });
  rows.row("  synapses", [&](const auto& m) { return bytes(m.total.stats.synapse_read_bytes); });
  rows.row("  index", [&](const auto& m) { return bytes(m.total.stats.index_read_bytes); });
  rows.row("  written", [&](const auto& m) { return bytes(m.total.stats.write_bytes); });
}

void add_energy_rows(Comparison& rows, const RunResult& run) {
  const auto inputs = static_cast<double>(std::max<std::int64_t>(1, run.inputs));
  const MachineResult& base = run.machines.front();
  for (const bool dram : {false, true}) {
    const char* suffix = dram ? "with DRAM" : "on chip";
    rows.row(
        fmt::format("energy {}", suffix),
        [&](const auto& m) { return short_energy(m.energy_pj(dram) / inputs); }, Tone::strong);
    if (run.machines.size() > 1 && base.energy_pj(dram) > 0) {
      rows.ratio_row(fmt::format("  less than {}", base.spec.machine), [&](const auto& m) {
        return m.energy_pj(dram) == 0 ? 0 : base.energy_pj(dram) / m.energy_pj(dram);
      });
    }
    rows.row("  TOPS/W",
             [&](const auto& m) { return fmt::format("{:.3g}", m.tops_per_watt(dram)); });
  }
}

bool has_fpga(const RunResult& run) {
  return std::any_of(run.machines.begin(), run.machines.end(),
                     [](const MachineResult& m) { return !m.fpga.empty(); });
}

void add_fpga_rows(Comparison& rows, const RunResult& run) {
  if (!has_fpga(run)) return;
  for (const cost::FpgaResource& resource : cost::kFpgaResources) {
    rows.row(fmt::format("FPGA {}", resource.name), [&](const MachineResult& m) {
      if (m.fpga.empty()) return std::string("-");
      const cost::FpgaBoard* board = cost::board_of(m.spec);
      return amount(cost::total(m.fpga).*resource.value,
                    board == nullptr ? 0 : board->limits.*resource.value);
    });
  }
}

/// What the FPGA rows are based on.
std::string fpga_note(const RunResult& run) {
  std::string limits;
  for (const MachineResult& m : run.machines) {
    const cost::FpgaBoard* board = cost::board_of(m.spec);
    if (m.fpga.empty() || board == nullptr) continue;
    limits = fmt::format(". Limits are the {}'s", board->name);
  }
  return fmt::format("  FPGA: {}{}.\n", cost::kFpgaBasis, limits);
}

}  // namespace

std::string heading(const RunResult& run, const TextStyle& style) {
  std::string out = toned(run.model, Tone::strong, style);
  if (run.synthetic) out += toned("  [synthetic weights]", Tone::bubble, style);
  out += toned(
      fmt::format("  {}-bit weights, {}-bit activations", run.weight_bits, run.activation_bits),
      Tone::dim, style);
  out += "\n";
  out += toned("input    ", Tone::dim, style) + run.input_description + "\n";
  return out + answers_text(run, style);
}

std::string comparison(const RunResult& run, const TextStyle& style) {
  if (run.machines.empty()) return "";
  Comparison rows(run, style);
  add_time_rows(rows, run);
  rows.rule();
  add_pair_rows(rows, run);
  rows.rule();
  add_memory_rows(rows, run);
  const auto has_energy = [](const MachineResult& m) { return !m.total.energy.empty(); };
  if (std::any_of(run.machines.begin(), run.machines.end(), has_energy)) {
    rows.rule();
    add_energy_rows(rows, run);
  }
  const auto has_area = [](const MachineResult& m) { return !m.area.empty(); };
  if (std::any_of(run.machines.begin(), run.machines.end(), has_area)) {
    rows.row("area", [&](const auto& m) {
      return m.area.empty() ? std::string("-") : fmt::format("{:.2f} mm2", cost::total(m.area));
    });
  }
  add_fpga_rows(rows, run);
  rows.rule();
  rows.row("tiles checked", [&](const auto& m) {
    return run.check == sim::CheckMode::off
               ? std::string("off")
               : fmt::format("{} of {}", grouped(m.total.checked_tiles), grouped(m.total.tiles));
  });
  std::string out = rows.render();
  if (has_fpga(run)) out += toned(fpga_note(run), Tone::dim, style);
  return out;
}

std::string terminal_report(const RunResult& run, const TerminalOptions& options) {
  std::string out = heading(run, options.style);
  for (const MachineResult& machine : run.machines) {
    out += '\n';
    out += layer_table(run, machine, options);
  }
  out += '\n';
  out += comparison(run, options.style);
  if (run.inputs > 1) {
    out += toned(fmt::format("  Layer tables are sums over {} inputs, the comparison is per "
                             "inference.\n",
                             run.inputs),
                 Tone::dim, options.style);
  }
  return out;
}

}  // namespace syncopate::report
