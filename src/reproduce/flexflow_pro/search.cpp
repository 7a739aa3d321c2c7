#include <fmt/format.h>
#include <fmt/ranges.h>

#include "flow/tune.h"
#include "reproduce/flexflow_pro/study.h"

namespace syncopate::reproduce::flexflow_pro {
namespace {

/// Most settings run per network.
constexpr std::int64_t kBudget = 80;

/// What differs from the start.
std::string setting_text(const flow::TuneResult& found) {
  std::vector<std::string> parts;
  for (std::size_t k = 0; k < found.knobs.size(); ++k) {
    if (found.points[found.best].values[k] == found.points.front().values[k]) continue;
    parts.push_back(fmt::format("{}={}", found.knobs[k].name, found.points[found.best].values[k]));
  }
  return fmt::format("{}", fmt::join(parts, " "));
}

}  // namespace

ResultTable search_table(const std::vector<RealNetwork>& networks, const Watch& watch) {
  ResultTable table;
  table.title = "Searched: least energy-delay product at no more area than the paper-like default";
  table.columns = {"network", "changed",  "EDP below default", "time",
                   "energy",  "area mm2", "default mm2",       "settings run"};
  for (const RealNetwork& network : networks) {
    flow::TuneOptions options;
    options.run.model.model = network.file;
    options.run.machines = {{"flexflow", Params::from_words({"preset=pro"})}};
    options.run.dram = kMemories[0];
    options.knobs = {
        {"slack", {"2", "4", "8", "16"}},      {"column_balance", {"none", "greedy"}},
        {"slices_per_cycle", {"1", "2", "4"}}, {"factor_basis", {"dense", "effective"}},
        {"objective", {"cycles", "edp"}},      {"chaining", {"chained", "free"}},
        {"store_words", {"64", "96", "128"}},  {"SB", {"32768", "49152", "65536"}}};
    options.budget = kBudget;
    const flow::TuneResult found = flow::tune(options, [&](const flow::Step& step) {
      if (watch) watch(fmt::format("{}: searching, {} {}", network.name, step.phase, step.detail));
    });
    const flow::TunePoint& start = found.points.front();
    const flow::TunePoint& best = found.points[found.best];
    table.rows.push_back(
        {words(network.name), words(setting_text(found)), number(100 * found.gain(), 1, " %"),
         number(start.seconds / best.seconds, 3, "x"),
         number(start.picojoules / best.picojoules, 3, "x"), number(best.mm2, 3),
         number(start.mm2, 3), number(static_cast<double>(found.points.size()), 0)});
  }
  table.notes = {
      "One parameter at a time, from the default on: slack, offline column balancing, width of the "
      "bitmap scan, how factors are chosen, and how area is shared between local stores and kernel "
      "buffer. Energy with DRAM at 20 pJ/bit; area from data/area/."};
  return table;
}

}  // namespace syncopate::reproduce::flexflow_pro
