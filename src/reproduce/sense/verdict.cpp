// Compiled alone: other files of the folder have names of their own that are the same.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reproduce/sense/study.h"

// Published figures, what comes out here over both readings of a PE, and whether they hold.

namespace syncopate::reproduce::sense {
namespace {

/// Figures, or the bounds of what is published.
struct Range {
  std::vector<double> values;
  double low() const { return *std::min_element(values.begin(), values.end()); }
  double high() const { return *std::max_element(values.begin(), values.end()); }
  bool empty() const { return values.empty(); }
  void add(double value) { values.push_back(value); }
  void add(const Range& more) {
    values.insert(values.end(), more.values.begin(), more.values.end());
  }
};

std::string text(const Range& range, int decimals, const char* unit) {
  if (range.empty()) return "-";
  const std::string low = fmt::format("{:.{}f}", range.low(), decimals);
  const std::string high = fmt::format("{:.{}f}", range.high(), decimals);
  return low == high ? low + unit : fmt::format("{}-{}{}", low, high, unit);
}

/// Whether figures lie within, how many of them, or how far away the nearest is.
std::string holds(const Range& here, const Range& published) {
  if (here.empty()) return "-";
  const double low = published.low(), high = published.high();
  const auto within = std::count_if(here.values.begin(), here.values.end(),
                                    [&](double value) { return low <= value && value <= high; });
  if (within == std::ssize(here.values)) return "yes";
  if (within > 0) return fmt::format("{} of {} figures", within, here.values.size());
  if (here.low() < low && here.high() > high) return "no, around it";
  return here.high() < low ? fmt::format("no, at most {:.2f} of it", here.high() / low)
                           : fmt::format("no, {:.2f} times it", here.low() / high);
}

class Verdicts {
 public:
  Verdicts() {
    table_.title = "Which published figures hold";
    table_.columns = {"figure", "here", "published", "holds", "of"};
  }
  void add(const std::string& figure, const Range& here, const Range& published, int decimals,
           const char* unit, const char* of) {
    table_.rows.push_back({words(figure), words(text(here, decimals, unit)),
                           words(text(published, decimals, unit)), words(holds(here, published)),
                           words(of)});
  }
  ResultTable table() && { return std::move(table_); }

 private:
  ResultTable table_;
};

/// A figure of every published network and reading.
template <class Figure>
Range over(const std::vector<Case>& cases, const Figure& figure) {
  Range range;
  for (const Case& one : cases) {
    if (!one.published) continue;
    for (const Reading& reading : one.readings) {
      if (!reading.ablation[kBoth]) continue;
      const double value = figure(one, reading);
      if (!std::isnan(value)) range.add(value);
    }
  }
  return range;
}

void add_rates(Verdicts& verdicts, const std::vector<Case>& cases) {
  for (const char* network : {"alexnet", "vgg16", "resnet50", "googlenet"}) {
    Range rate, peak, idle;
    for (const Case& one : cases) {
      const Published* figure = published(one.network);
      if (!one.published || figure == nullptr || figure->network != std::string_view(network)) {
        continue;
      }
      for (const Reading& reading : one.readings) {
        if (!reading.ablation[kBoth]) continue;
        for (const Cost* cost : {&reading.idle->conv, &reading.idle->weighted}) {
          idle.add(images(*cost));
        }
        for (const Cost* cost : {&reading.sense().conv, &reading.sense().weighted}) {
          rate.add(images(*cost));
          peak.add(x_peak(*cost));
        }
      }
    }
    const Published& figure = *published(network);
    verdicts.add(fmt::format("images/s, {}", network), rate, {{figure.images}}, 0, "",
                 "[paper]; conv and conv+FC");
    verdicts.add(fmt::format("... rows without a channel idle, {}", network), idle,
                 {{figure.images}}, 0, "", "[paper]; conv and conv+FC");
    verdicts.add(fmt::format("x peak, {}", network), peak, {{figure.x_peak}}, 2, "x",
                 "[derived]; conv and conv+FC");
  }
}

/// Sense over all readings of a rival.
Range speeds(const std::vector<Case>& cases, const std::vector<Found Case::*>& rivals,
             const std::vector<Cost Costs::*>& scopes) {
  Range range;
  for (const Found Case::* rival : rivals) {
    for (Cost Costs::* layers : scopes) {
      const Range one = over(cases, [&](const Case& c, const Reading& reading) {
        return c.*rival ? ((*(c.*rival)).*layers).seconds / (reading.sense().*layers).seconds
                        : std::nan("");
      });
      range.add(one);
    }
  }
  return range;
}

void add_rivals(Verdicts& verdicts, const std::vector<Case>& cases) {
  struct Claim {
    const char* name;
    std::vector<Found Case::*> readings;
    Range later, tvlsi;
  };
  const Claim claims[] = {
      {"Swallow", {&Case::swallow, &Case::swallow_small}, {{1, 2.25}}, {{0.97, 2.18}}},
      {"FESA", {&Case::fesa, &Case::fesa_fixed}, {{1.95, 2.5}}, {{1.3, 1.67}}},
      {"SPOTS", {&Case::spots, &Case::spots_both}, {{1.17, 2.37}}, {}}};
  using Layers = std::vector<Cost Costs::*>;
  const std::pair<const char*, Layers> scopes[] = {
      {"speed over {}", {&Costs::conv, &Costs::weighted}},
      {"... first layer aside, {}", {&Costs::inner}}};
  for (const Claim& claim : claims) {
    for (const auto& [name, layers] : scopes) {
      const Range range = speeds(cases, claim.readings, layers);
      const std::string figure = fmt::format(fmt::runtime(name), claim.name);
      verdicts.add(figure, range, claim.later, 2, "x", "[paper], later arXiv; all readings");
      if (claim.tvlsi.empty()) continue;
      verdicts.add(figure, range, claim.tvlsi, 2, "x", "[paper], TVLSI; all readings");
    }
  }
}

void add_traffic(Verdicts& verdicts, const std::vector<Case>& cases) {
  const Range range = over(cases, [](const Case& one, const Reading& reading) {
    return one.swallow ? one.swallow->conv.dram_bits / reading.sense().conv.dram_bits
                       : std::nan("");
  });
  verdicts.add("DRAM, Swallow over adaptive", range, {{1.17, 1.8}}, 2, "x", "[paper]; conv");
  for (const Case& one : cases) {
    for (const Chip& chip : chips()) {
      if (!one.first || one.network != chip.network || !one.readings[0].first) continue;
      const Cost& first = one.readings[0].first->conv;
      const double shared = first.dram_bits - first.weight_bits + first.weight_bits / chip.batch;
      Range megabytes, less;
      for (const double bits : {first.dram_bits, shared}) {
        megabytes.add(bits / 8e6);
        less.add(chip.megabytes * 8e6 / bits);
      }
      verdicts.add(fmt::format("DRAM MB per image, v1, {}", chip.network), megabytes,
                   {{chip.least, chip.most}}, 2, "", "[derived]; weights per image and per batch");
      verdicts.add(fmt::format("DRAM, Eyeriss chip over v1, {}", chip.network), less, {{1.9, 2.6}},
                   2, "x", "[paper]; weights per image and per batch");
    }
  }
}

}  // namespace

ResultTable verdict_table(const std::vector<Case>& cases, const std::vector<OneLayer>& layers) {
  Verdicts verdicts;
  const double peak = peak_gops();
  verdicts.add("peak GOP/s", {{peak}}, {{kPeakOps / 1e9}}, 1, "", "[paper]");
  add_rates(verdicts, cases);
  add_rivals(verdicts, cases);
  add_traffic(verdicts, cases);
  if (!layers.empty()) {
    constexpr std::array<double, 4> kEstimates{0.29, 0.46, 0.57, 0.89};
    constexpr const char* kNames[] = {"neither", "rearranged", "balanced", "both"};
    for (std::size_t i = 0; i < kEstimates.size(); ++i) {
      const double value = layers.front().utilization[i];
      verdicts.add(fmt::format("utilization of the notes' layer, {}", kNames[i]), {{value}},
                   {{kEstimates[i] - 0.04, kEstimates[i] + 0.04}}, 2, "",
                   "[derived] estimate, give or take 0.04");
    }
  }
  return std::move(verdicts).table();
}

}  // namespace syncopate::reproduce::sense
