#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "reproduce/flexflow_pro/study.h"

namespace syncopate::reproduce::flexflow_pro {
namespace {

constexpr double kPaperSpeed = 2.5, kPaperEnergy = 2;

class GeometricMean {
 public:
  void add(double value) {
    logs_ += std::log(value);
    ++count_;
  }
  double value() const { return count_ == 0 ? 1 : std::exp(logs_ / static_cast<double>(count_)); }

 private:
  double logs_ = 0;
  std::int64_t count_ = 0;
};

std::string name_of(const Case& one) {
  return one.synthetic ? one.network + " (synthetic)" : one.network;
}

double energy(const Cost& cost, bool with_dram) {
  return with_dram ? cost.total_pj(kDramEnergy) : cost.chip_pj;
}

/// FlexFlow-Pro over each rival of one network.
using Ratio = std::function<double(const Costs& rival, const Costs& pro)>;

Ratio speed(std::size_t scope) {
  return [scope](const Costs& rival, const Costs& pro) {
    return rival[scope].seconds / pro[scope].seconds;
  };
}
Ratio efficiency(bool with_dram) {
  return [with_dram](const Costs& rival, const Costs& pro) {
    return energy(rival[kAll], with_dram) / energy(pro[kAll], with_dram);
  };
}

/// A row per network and one of means; behind the rivals, the mean of those that count.
ResultTable over_rivals(const std::vector<Case>& cases, std::size_t memory, const Ratio& ratio,
                        std::string title) {
  ResultTable table;
  table.title = std::move(title);
  table.columns = {"network"};
  for (const Rival& rival : rivals()) table.columns.push_back(rival.label);
  table.columns.emplace_back("mean of five");
  std::vector<GeometricMean> means(rivals().size() + 1);
  for (const Case& one : cases) {
    std::vector<Cell> row{words(name_of(one))};
    GeometricMean five;
    for (std::size_t r = 0; r < rivals().size(); ++r) {
      const double value = ratio(one.rivals[memory][r], one.pro[memory]);
      means[r].add(value);
      if (rivals()[r].in_mean) five.add(value);
      row.push_back(number(value, 2, "x"));
    }
    means.back().add(five.value());
    row.push_back(number(five.value(), 2, "x"));
    table.rows.push_back(std::move(row));
  }
  std::vector<Cell> last{words("geometric mean")};
  for (const GeometricMean& mean : means) last.push_back(number(mean.value(), 2, "x"));
  table.rows.push_back(std::move(last));
  return table;
}

/// "25.6" from "ideal-25.6".
std::string gbps(const std::string& memory) { return memory.substr(memory.find('-') + 1); }

/// Time of every setting as speed over the first.
ResultTable over_first(const std::vector<Case>& cases, const std::vector<Setting>& settings,
                       std::vector<Costs> Case::* member, std::string title) {
  ResultTable table;
  table.title = std::move(title);
  table.columns = {"network"};
  for (const Setting& setting : settings) table.columns.push_back(setting.label);
  for (const Case& one : cases) {
    std::vector<Cell> row{words(name_of(one))};
    const std::vector<Costs>& costs = one.*member;
    for (const Costs& cost : costs) {
      row.push_back(number(costs[0][kConv].seconds / cost[kConv].seconds, 2, "x"));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

double mean_over(const std::vector<Case>& cases, std::size_t rival, const Ratio& ratio) {
  GeometricMean mean;
  for (const Case& one : cases) mean.add(ratio(one.rivals[0][rival], one.pro[0]));
  return mean.value();
}

}  // namespace

ResultTable speed_table(const std::vector<Case>& cases, std::size_t memory, std::size_t scope) {
  ResultTable table = over_rivals(
      cases, memory, speed(scope),
      fmt::format("FlexFlow-Pro over each rival: time of {}, {} GB/s",
                  scope == kAll ? "all layers" : "convolutions", gbps(kMemories[memory])));
  table.notes = {
      "Paper: over 2.5x on average; its rivals are not known. The mean of five is that over "
      "DianNao, FlexFlow, Cnvlutin, Cambricon-X and SCNN [assumed]."};
  return table;
}

ResultTable energy_table(const std::vector<Case>& cases, std::size_t memory, bool with_dram) {
  ResultTable table = over_rivals(
      cases, memory, efficiency(with_dram),
      fmt::format("FlexFlow-Pro over each rival: energy {}, {} GB/s",
                  with_dram ? "with DRAM at 20 pJ/bit" : "on chip", gbps(kMemories[memory])));
  table.notes = {"Paper: 2x on average."};
  return table;
}

ResultTable verdict_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Where the headline holds: geometric means over the networks, 25.6 GB/s";
  table.columns = {"rival",          "skips", "time, all",   "time, conv", "2.5x holds",
                   "energy on chip", "2x",    "energy+DRAM", "2x "};
  for (std::size_t r = 0; r < rivals().size(); ++r) {
    const double all = mean_over(cases, r, speed(kAll)), conv = mean_over(cases, r, speed(kConv));
    const double chip = mean_over(cases, r, efficiency(false));
    const double total = mean_over(cases, r, efficiency(true));
    const auto holds = [](double value, double figure) {
      return words(value >= figure ? "yes" : "no");
    };
    table.rows.push_back({words(rivals()[r].label), words(rivals()[r].skips), number(all, 2, "x"),
                          number(conv, 2, "x"), holds(conv, kPaperSpeed), number(chip, 2, "x"),
                          holds(chip, kPaperEnergy), number(total, 2, "x"),
                          holds(total, kPaperEnergy)});
  }
  table.notes = {
      "Whether 2.5x holds is judged on convolutions, which the paper is about: fully connected "
      "layers of one picture wait for DRAM on every machine."};
  return table;
}

ResultTable skip_table(const std::vector<Case>& cases) {
  ResultTable table = over_first(cases, skip_modes(), &Case::skips,
                                 "What is skipped: speed of convolutions over nothing");
  table.columns.emplace_back("both, columns balanced");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const double base = cases[i].skips[0][kConv].seconds;
    table.rows[i].push_back(number(base / cases[i].balances[1][kConv].seconds, 2, "x"));
  }
  return table;
}

ResultTable slack_table(const std::vector<Case>& cases) {
  return over_first(cases, slacks(), &Case::slacks,
                    "Slack F: speed of convolutions over lock step (F = 1)");
}

ResultTable size_table(const std::vector<Case>& cases) {
  ResultTable table = over_first(cases, sizes(), &Case::sizes,
                                 "Array of D x D PEs: speed of convolutions over D = 8, 25.6 GB/s");
  table.notes = {
      "64 times the PEs from 8 to 64: what is missing of 64x is shape, imbalance and DRAM. Where "
      "the smallest tile exceeds the kernel buffer (AlexNet's conv2 at D = 64), weights stream "
      "once "
      "per pixel and DRAM takes nearly all the time."};
  return table;
}

Plot speed_plot(const std::vector<Case>& cases) {
  Plot plot;
  plot.title = "FlexFlow-Pro over each rival, time of convolutions, 25.6 GB/s";
  plot.x_label = "rival";
  plot.y_label = "times faster";
  plot.bars = true;
  for (const Rival& rival : rivals()) plot.categories.push_back(rival.label);
  for (const Case& one : cases) {
    Series series{name_of(one), {}};
    for (const Costs& rival : one.rivals[0]) {
      series.values.push_back(speed(kConv)(rival, one.pro[0]));
    }
    plot.series.push_back(std::move(series));
  }
  plot.targets = {{"paper, mean over its rivals: 2.5x", kPaperSpeed}};
  return plot;
}

Plot slack_plot(const std::vector<Case>& cases) {
  Plot plot;
  plot.title = "What slack brings: speed of convolutions over lock step";
  plot.x_label = "F, outputs a PE may run ahead of its row's reduction";
  plot.y_label = "times faster than F = 1";
  for (const Setting& setting : slacks()) plot.categories.push_back(setting.label);
  for (const Case& one : cases) {
    Series series{name_of(one), {}};
    for (const Costs& costs : one.slacks) {
      series.values.push_back(one.slacks[0][kConv].seconds / costs[kConv].seconds);
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace syncopate::reproduce::flexflow_pro
