#include <fmt/core.h>

#include <cmath>

#include "reproduce/cambricon_s/study.h"

namespace syncopate::reproduce::cambricon_s {
namespace {

constexpr std::size_t kFull = 5;  ///< Cambricon-S itself in ladder().
constexpr std::size_t kAll = 0, kConv = 1, kFc = 2;

/// "25.6" from "ideal-25.6".
std::string gbps(const std::string& memory) { return memory.substr(memory.find('-') + 1); }

double chip(const Cost& base, const Cost& cost) { return base.chip_pj / cost.chip_pj; }
double total(const Cost& base, const Cost& cost, double dram) {
  return base.total_pj(dram) / cost.total_pj(dram);
}

/// Ratios of one row of the headline, in the order of its columns.
std::vector<double> headline_ratios(const Case& one, std::size_t memory, std::size_t compaction) {
  const auto& x = one.steps[0][memory][compaction];
  const auto& s = one.steps[kFull][memory][compaction];
  const auto& d = one.diannao[memory];
  return {x[kAll].seconds / s[kAll].seconds,       x[kConv].seconds / s[kConv].seconds,
          x[kFc].seconds / s[kFc].seconds,         chip(x[kAll], s[kAll]),
          total(x[kAll], s[kAll], kDramEnergyLow), total(x[kAll], s[kAll], kDramEnergy),
          d[kAll].seconds / s[kAll].seconds,       chip(d[kAll], s[kAll]),
          total(d[kAll], s[kAll], kDramEnergy)};
}

std::vector<Cell> row_of(std::vector<Cell> cells, const std::vector<double>& ratios) {
  for (const double ratio : ratios) cells.push_back(number(ratio, 2, "x"));
  return cells;
}

}  // namespace

ResultTable headline_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Cambricon-S over Cambricon-X (each with its weights: coarse, fine) and DianNao";
  table.columns = {"network (synthetic)",
                   "densities",
                   "GB/s",
                   "compaction",
                   "time",
                   "conv time",
                   "fc time",
                   "chip energy",
                   "+DRAM 6 pJ/bit",
                   "+DRAM 20",
                   "time/DianNao",
                   "chip/DianNao",
                   "+DRAM 20/DianNao"};
  for (std::size_t m = 0; m < kMemories.size(); ++m) {
    for (std::size_t c = 0; c < kCompactions.size(); ++c) {
      std::vector<double> logs;
      for (const Case& one : cases) {
        const std::vector<double> ratios = headline_ratios(one, m, c);
        logs.resize(ratios.size());
        for (std::size_t i = 0; i < ratios.size(); ++i) logs[i] += std::log(ratios[i]);
        table.rows.push_back(row_of({words(one.network), words(one.table),
                                     words(gbps(kMemories[m])), words(kCompactions[c])},
                                    ratios));
      }
      for (double& value : logs) value = std::exp(value / static_cast<double>(cases.size()));
      table.rows.push_back(row_of(
          {words("geometric mean"), words(""), words(gbps(kMemories[m])), words(kCompactions[c])},
          logs));
    }
  }
  table.notes = {
      "Paper, mean over its networks: time 1.71x, energy 1.75x (dissertation) or 1.37x (MICRO). "
      "Whether its energy includes DRAM, and its DRAM, are not known.",
      "Over DianNao, composed of published ratios: time 12.4x, energy 11.3x (8.8x with MICRO's).",
      "Time is that of all layers, pooling and normalization included; conv and fc are the shares "
      "of these layers alone."};
  return table;
}

ResultTable ablation_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Step by step, over Cambricon-X on fine-grained weights";
  table.columns = {"step", "network (synthetic)", "densities"};
  for (const std::string& memory : kMemories) {
    for (const std::string& compaction : kCompactions) {
      table.columns.push_back(fmt::format("time, {} {}", gbps(memory), compaction));
    }
  }
  for (const char* column : {"conv time, 250 fifo", "chip energy", "+DRAM 20", "DRAM bits"}) {
    table.columns.emplace_back(column);
  }
  for (std::size_t s = 0; s < ladder().size(); ++s) {
    for (const Case& one : cases) {
      std::vector<double> ratios;
      for (std::size_t m = 0; m < kMemories.size(); ++m) {
        for (std::size_t c = 0; c < kCompactions.size(); ++c) {
          ratios.push_back(one.steps[0][m][c][kAll].seconds / one.steps[s][m][c][kAll].seconds);
        }
      }
      const auto& base = one.steps[0].back()[0];
      const auto& step = one.steps[s].back()[0];
      ratios.push_back(base[kConv].seconds / step[kConv].seconds);
      ratios.push_back(chip(base[kAll], step[kAll]));
      ratios.push_back(total(base[kAll], step[kAll], kDramEnergy));
      ratios.push_back(base[kAll].dram_bits / step[kAll].dram_bits);
      table.rows.push_back(
          row_of({words(ladder()[s].name), words(one.network), words(one.table)}, ratios));
    }
  }
  table.notes = {"Energy and DRAM bits are those of fifo compaction."};
  return table;
}

ResultTable density_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Densities: published, and made here with fine and coarse weights (percent)";
  table.columns = {"network", "densities",   "layer", "weights", "fine",
                   "coarse",  "activations", "fine ", "coarse "};
  for (const Case& one : cases) {
    for (std::size_t i = 0; i < one.wanted.size(); ++i) {
      const auto percent = [](double value) { return number(100 * value, 1); };
      table.rows.push_back({words(one.network), words(one.table), words(one.wanted[i].layer),
                            percent(one.wanted[i].weights), percent(one.fine_reached[i].weights),
                            percent(one.coarse_reached[i].weights), percent(one.wanted[i].output),
                            percent(one.fine_reached[i].output),
                            percent(one.coarse_reached[i].output)});
    }
  }
  return table;
}

}  // namespace syncopate::reproduce::cambricon_s
