#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reproduce/sense/study.h"

namespace syncopate::reproduce::sense {
namespace {

struct Rival {
  const char* label;
  Found Case::* found;
  const char* later;  ///< Published ratio, later arXiv versions [paper].
  const char* tvlsi;  ///< TVLSI [paper].
};
constexpr Rival kRivals[] = {{"Swallow", &Case::swallow, "1-2.25x", "0.97-2.18x"},
                             {"... blocks of 8", &Case::swallow_small, "1-2.25x", "0.97-2.18x"},
                             {"FESA", &Case::fesa, "1.95-2.5x", "1.3-1.67x"},
                             {"... 4 of 9", &Case::fesa_fixed, "1.95-2.5x", "1.3-1.67x"},
                             {"SPOTS", &Case::spots, "1.17-2.37x", "not known"},
                             {"... both zero", &Case::spots_both, "1.17-2.37x", "not known"},
                             {"systolic, dense", &Case::systolic, "-", "-"}};

using Layers = Cost Costs::*;

/// Sense over a rival in time; NaN where one was not run.
double speed(const Case& one, std::size_t reading, const Rival& rival, Layers layers) {
  const Found& sense = one.readings[reading].ablation[kBoth];
  const Found& other = one.*rival.found;
  if (!sense || !other) return std::numeric_limits<double>::quiet_NaN();
  return ((*other).*layers).seconds / ((*sense).*layers).seconds;
}

Cell ratio(double value) { return std::isnan(value) ? words("-") : number(value, 2, "x"); }

/// From the least to the most over the networks beside which the paper's figures stand.
Cell range(const std::vector<Case>& cases, std::size_t reading, const Rival& rival, Layers layers) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const Case& one : cases) {
    const double value = speed(one, reading, rival, layers);
    if (!one.published || std::isnan(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  return words(most == 0 ? "-" : fmt::format("{:.2f}-{:.2f}x", least, most));
}

void add_rows(ResultTable& table, const std::vector<Case>& cases, const char* name, Layers layers) {
  for (const Case& one : cases) {
    if (!one.fesa) continue;
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      std::vector<Cell> row{words(name_of(one)), words(name), words(kReadings[r])};
      for (const Rival& rival : kRivals) row.push_back(ratio(speed(one, r, rival, layers)));
      table.rows.push_back(std::move(row));
    }
  }
}

}  // namespace

ResultTable speed_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Sense over rivals, time, equal multipliers (1024), clock (200 MHz) and memory";
  table.columns = {"network, weights", "layers", "PEs"};
  for (const Rival& rival : kRivals) table.columns.emplace_back(rival.label);
  const std::pair<const char*, Layers> scopes[] = {
      {"conv", &Costs::conv}, {"conv but the first", &Costs::inner}, {"conv+FC", &Costs::weighted}};
  for (const auto& [name, layers] : scopes) add_rows(table, cases, name, layers);
  for (const auto& [name, layers] : scopes) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      std::vector<Cell> row{words("range over the published networks"), words(name),
                            words(kReadings[r])};
      for (const Rival& rival : kRivals) row.push_back(range(cases, r, rival, layers));
      table.rows.push_back(std::move(row));
    }
  }
  std::vector<Cell> later{words("published, later arXiv"), words("not known"), words("")};
  std::vector<Cell> tvlsi{words("published, TVLSI"), words("not known"), words("")};
  for (const Rival& rival : kRivals) {
    later.push_back(words(rival.later));
    tvlsi.push_back(words(rival.tvlsi));
  }
  table.rows.push_back(std::move(later));
  table.rows.push_back(std::move(tvlsi));
  table.notes = {
      "Every machine gets the weights its paper prunes to, at the same densities: Sense as many in "
      "every kernel (or 32 inputs of 1x1 kernels), Swallow single weights, FESA six patterns per "
      "layer of as many positions (4 of 9 at 1/2; kernels of one weight whole), SPOTS the same "
      "positions in 128 filters; dense systolic runs them all. No accuracy is claimed: at equal "
      "density, coarser structures cost more of it.",
      "Second columns are other readings of what is not known: barriers after 8 input maps instead "
      "of 32; 4 of 9 positions whatever the density [assumed in the notes]; positions left out "
      "only "
      "where weights and neurons are all zero.",
      "Made-up activations have the same densities on all, not the same zeros. Kernels of one "
      "weight "
      "are whole on FESA."};
  return table;
}

ResultTable first_version_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "First version (preset=v1, 1/2 of the weights) over published FPGA accelerators";
  table.columns = {"figure", "Sense", "other", "Sense over it", "standing"};
  const auto add = [&](const std::string& what, double sense, const char* other, double low,
                       double high, const char* standing) {
    const std::string text = low == high ? fmt::format("{}: {:g}", other, low)
                                         : fmt::format("{}: {:g}-{:g}", other, low, high);
    const std::string over = low == high ? fmt::format("{:.2f}x", sense / low)
                                         : fmt::format("{:.2f}-{:.2f}x", sense / high, sense / low);
    table.rows.push_back(
        {words(what), number(sense, 1), words(text), words(over), words(standing)});
  };
  constexpr const char* kZhu = "Zhu et al.";
  constexpr const char* kLu = "Lu et al.";
  for (const Case& one : cases) {
    if (!one.first || (one.network != "alexnet" && one.network != "vgg16")) continue;
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      if (!one.readings[r].first) continue;
      const Costs& first = *one.readings[r].first;
      const std::string name = fmt::format("{}, {}: ", one.network, kReadings[r]);
      const char* standing = "simulated, conv; [recalled, med]";
      if (one.network == "alexnet") {
        add(name + "images/s", images(first.conv), kZhu, 987, 987, standing);
      }
      if (one.network == "vgg16")
        add(name + "images/s", images(first.conv), kZhu, 46, 48, standing);
      add(name + "GOP/s", x_peak(first.conv) * kPeakOps / 1e9, kLu, 223.4, 309,
          "simulated, conv; [recalled, high], its networks not known");
    }
  }
  add("peak GOP/s", kPeakOps / 1e9, kLu, 223.4, 309, "[paper]; [recalled, high], not its peak");
  add("later versions' images/s, AlexNet", 471, kZhu, 987, 987, "[paper]; [recalled, med]");
  add("later versions' images/s, VGG-16", 34, kZhu, 46, 48, "[paper]; [recalled, med]");
  add("peak GOP/s/W", kPeakOps / 1e9 / kWatts, "implied by 2.1x", kPeakOps / 1e9 / kWatts / 2.1,
      kPeakOps / 1e9 / kWatts / 2.1, "[derived]; no rival's power is known here");
  table.notes = {
      "Published: 1.15-1.49x in speed, 2.1x in peak energy efficiency, over accelerators that the "
      "abstract does not name [paper]. By published numbers only; figures without a power or a "
      "network beside them cannot confirm it."};
  return table;
}

Plot speed_plot(const std::vector<Case>& cases) {
  Plot plot;
  plot.title = "Sense over rivals, time of convolutions (PEs: cartesian)";
  plot.x_label = "rival";
  plot.y_label = "times faster";
  plot.bars = true;
  for (const Rival& rival : kRivals) plot.categories.emplace_back(rival.label);
  for (const Case& one : cases) {
    if (!one.fesa) continue;
    Series series{name_of(one), {}};
    for (const Rival& rival : kRivals) series.values.push_back(speed(one, 0, rival, &Costs::conv));
    plot.series.push_back(std::move(series));
  }
  plot.targets = {{"published, least over Swallow: 1x", 1},
                  {"published, most over FESA: 2.5x", 2.5}};
  return plot;
}

}  // namespace syncopate::reproduce::sense
