#include <fmt/core.h>

#include <limits>

#include "reproduce/sense/study.h"

namespace syncopate::reproduce::sense {
namespace {

/// The notes' estimates on one layer [derived].
constexpr std::array<double, 4> kEstimates{0.29, 0.46, 0.57, 0.89};

constexpr const char* kCells[] = {"neither", "rearranged", "balanced", "both"};

Cell utilization(const Found& found) {
  return found ? number(found->inner.utilization(), 2) : words("-");
}

double gain(const Found& base, const Found& better) {
  return base->inner.compute_seconds / better->inner.compute_seconds;
}

}  // namespace

ResultTable ablation_table(const std::vector<Case>& cases, const std::vector<OneLayer>& layers) {
  ResultTable table;
  table.title = "Balancing and rearranging: multipliers at work in convolutions but the first";
  table.columns = {"network, weights", "PEs"};
  for (const char* cell : kCells) table.columns.emplace_back(cell);
  table.columns.emplace_back("balanced, sorted at run time");
  table.columns.emplace_back("balanced, grouped");
  table.columns.emplace_back("balanced in vectors");
  table.columns.emplace_back("time, neither over both");
  table.columns.emplace_back("both, first layer too");
  for (const OneLayer& layer : layers) {
    std::vector<Cell> row{words("notes' layer, " + layer.weights), words("cartesian")};
    for (const double value : layer.utilization) row.push_back(number(value, 2));
    for (int i = 0; i < 5; ++i) row.push_back(words("-"));
    table.rows.push_back(std::move(row));
  }
  std::vector<Cell> estimates{words("notes' layer, estimate"), words("")};
  for (const double value : kEstimates) estimates.push_back(number(value, 2));
  for (int i = 0; i < 5; ++i) estimates.push_back(words(""));
  table.rows.push_back(std::move(estimates));
  for (const Case& one : cases) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      const Reading& reading = one.readings[r];
      std::vector<Cell> row{words(name_of(one)), words(kReadings[r])};
      for (const Found& found : reading.ablation) row.push_back(utilization(found));
      row.push_back(utilization(reading.runtime));
      row.push_back(utilization(reading.grouped));
      row.push_back(utilization(reading.vectors));
      const bool ends = reading.ablation[kNone] && reading.ablation[kBoth];
      row.push_back(ends ? number(gain(reading.ablation[kNone], reading.ablation[kBoth]), 2, "x")
                         : words("-"));
      const Found& both = reading.ablation[kBoth];
      row.push_back(both ? number(both->conv.utilization(), 2) : words("-"));
      table.rows.push_back(std::move(row));
    }
  }
  table.notes = {
      "Products over multipliers times cycles, without waiting for DRAM; products beyond a tile's "
      "border, which cartesian "
      "PEs "
      "make, are counted. Rearranged: channels sorted by density offline, folded into the weights, "
      "over the whole tensor; real networks by eight pictures other than the one that is run. At "
      "run time: within each tile on chip. The notes' layer is sorted at run time.",
      "Grouped: ordered offline for the passes of the array (cartesian), instead of sorted "
      "(`run --rearrange grouped`).",
      "In vectors: kernels of one weight are balanced in the channels that one PE holds (a 32nd of "
      "the inputs, at most 32) instead of in 32; channels as they come.",
      "Not balanced: pruned weight by weight at the same density (the nearest one that is whole "
      "weights per kernel for Han 2015). Real networks marked 1/2 were pruned here in one shot."};
  return table;
}

Plot ablation_plot(const std::vector<Case>& cases, const std::vector<OneLayer>& layers) {
  Plot plot;
  plot.title = "Balancing and rearranging: multipliers at work (PEs: cartesian)";
  plot.x_label = "weights and channels";
  plot.y_label = "utilization of convolutions but the first";
  plot.bars = true;
  plot.categories.assign(std::begin(kCells), std::end(kCells));
  plot.series.push_back({"notes' estimate, one layer", {kEstimates.begin(), kEstimates.end()}});
  for (const OneLayer& layer : layers) {
    plot.series.push_back(
        {"notes' layer, " + layer.weights, {layer.utilization.begin(), layer.utilization.end()}});
  }
  for (const Case& one : cases) {
    Series series{name_of(one), {}};
    for (const Found& found : one.readings[0].ablation) {
      series.values.push_back(found ? found->inner.utilization()
                                    : std::numeric_limits<double>::quiet_NaN());
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace syncopate::reproduce::sense
