#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "accel/registry.h"
#include "cost/fpga.h"
#include "reproduce/sense/study.h"

namespace syncopate::reproduce::sense {
namespace {

/// The first convolution's share of the time of all.
double first_share(const Costs& costs) { return 1 - costs.inner.seconds / costs.conv.seconds; }

std::vector<std::string> rate_notes() {
  return {
      "Published rates: [paper], later versions; x peak: dense-equivalent operations over 409.6 "
      "GOP/s [derived]. Whether the paper counts fully connected layers is not known; those of one "
      "image wait for DRAM.",
      "The paper's densities are not known: Han 2015 where published, rounded to whole weights in "
      "every kernel, else 1/2 [assumed]. 1/2 on AlexNet and VGG-16 is the first version's setting. "
      "Activations: Han 2015, else 1/2 behind every rectifier [assumed], with a Beta spread over "
      "channels.",
      "PEs: every input of a tile meets every weight of a kernel (cartesian), or matches of "
      "bitmaps "
      "(match): which one the paper has is not known.",
      "Rows idle: `spare_rows=idle`. Otherwise rows without a channel (29 of 32 in a first layer) "
      "take other tiles of the map in the same pass, as many as the buffers hold [assumed]; with "
      "idle rows the first layer of AlexNet alone would take longer than is published for the "
      "network [derived].",
      "The published 1.64 belongs to the one-tower AlexNet; the grouped one would be 1.67."};
}

}  // namespace

std::string name_of(const Case& one) {
  return fmt::format("{}, {}{}", one.network, one.densities, one.synthetic ? " (synthetic)" : "");
}

double images(const Cost& cost) { return 1 / cost.seconds; }
double x_peak(const Cost& cost) { return 2 * cost.macs / cost.seconds / kPeakOps; }

const Published* published(const std::string& network) {
  static constexpr Published kAll[] = {{"alexnet", 471, 1.64},
                                       {"vgg16", 34, 2.57},
                                       {"resnet50", 53, 1.06},
                                       {"googlenet", 191, 1.40}};
  const std::string name = network.substr(0, network.find(','));
  const auto found = std::find_if(std::begin(kAll), std::end(kAll),
                                  [&](const auto& p) { return name == p.network; });
  return found == std::end(kAll) ? nullptr : found;
}

double peak_gops() {
  const arch::Spec spec = accel::find("sense").spec({});
  return 2e-3 * static_cast<double>(spec.multipliers() * spec.clock_mhz);
}

ResultTable peak_table() {
  const arch::Spec spec = accel::find("sense").spec({});
  ResultTable table;
  table.title =
      "The machine: peak, and resources of the FPGA (parametric, to be replaced by synthesis)";
  table.columns = {"what", "here", "published or limit", "standing"};
  const double peak = peak_gops() * 1e9;
  table.rows.push_back({words("peak GOP/s"), number(peak / 1e9, 1), number(kPeakOps / 1e9, 1),
                        words("from the machine's parameters; [paper]")});
  table.rows.push_back({words("peak GOP/s/W at 11.2 W"), number(peak / 1e9 / kWatts, 1),
                        number(kPeakOps / 1e9 / kWatts, 1), words("[derived] of two [paper]")});
  const cost::FpgaUse use = cost::total(cost::fpga_of(spec));
  for (const cost::FpgaResource& resource : cost::kFpgaResources) {
    table.rows.push_back({words(std::string(resource.name)), number(use.*resource.value, 0),
                          number(cost::kZcu102.*resource.value, 0),
                          words("model; the ZCU102's limit [recalled, high]")});
  }
  table.notes = {
      fmt::format("FPGA: {}.", cost::kFpgaBasis),
      "Published: 1/5 fewer LUTs and 3/4 fewer block RAMs than earlier FPGA accelerators, whose "
      "figures are not known here [paper]; nothing to compare with."};
  return table;
}

ResultTable rate_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Images a second, balanced and rearranged, 19.2 GB/s, one image at a time";
  table.columns = {"network, weights",
                   "PEs",
                   "conv",
                   "conv, DRAM never waited for",
                   "conv+FC",
                   "all layers",
                   "conv, rows idle",
                   "conv+FC, rows idle",
                   "published",
                   "x peak: conv",
                   "conv+FC ",
                   "published "};
  for (const Case& one : cases) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      if (!one.readings[r].ablation[kBoth]) continue;
      const Costs &costs = one.readings[r].sense(), &idle = *one.readings[r].idle;
      const Published* figure = published(one.network);
      const bool known = figure != nullptr && one.synthetic;
      table.rows.push_back({words(name_of(one)), words(kReadings[r]), number(images(costs.conv), 1),
                            number(1 / costs.conv.compute_seconds, 1),
                            number(images(costs.weighted), 1), number(images(costs.all), 1),
                            number(images(idle.conv), 1), number(images(idle.weighted), 1),
                            known ? number(figure->images, 0) : words("-"),
                            number(x_peak(costs.conv), 2), number(x_peak(costs.weighted), 2),
                            known ? number(figure->x_peak, 2) : words("-")});
    }
  }
  table.notes = rate_notes();
  return table;
}

ResultTable energy_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "Energy of an image (convolutions and fully connected layers)";
  table.columns = {"network, weights",
                   "PEs",
                   "11.2 W x published time, mJ",
                   "11.2 W x time here, mJ",
                   "model, 65 nm chip, mJ",
                   "+DRAM 20 pJ/bit, mJ"};
  for (const Case& one : cases) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      if (!one.readings[r].ablation[kBoth]) continue;
      const Cost& cost = one.readings[r].sense().weighted;
      const Published* figure = published(one.network);
      table.rows.push_back({words(name_of(one)), words(kReadings[r]),
                            figure != nullptr && one.synthetic
                                ? number(1e3 * kWatts / figure->images, 1)
                                : words("-"),
                            number(1e3 * kWatts * cost.seconds, 1), number(cost.chip_pj * 1e-9, 2),
                            number(cost.total_pj(kDramEnergy) * 1e-9, 2)});
    }
  }
  table.notes = {
      "11.2 W is the first version's board power [paper]; multiplied with the later versions' "
      "rates "
      "or the times here it mixes versions [assumed]. The later versions' power is not known.",
      "The model counts actions of a 65 nm chip (data/energy/65nm.yaml), which is not the FPGA: it "
      "compares machines, not watts."};
  return table;
}

ResultTable cause_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title =
      "Where the time of convolutions goes, balanced and rearranged (percent of the array)";
  table.columns = {"network, weights",
                   "PEs",
                   "work",
                   "imbalance",
                   "underfill",
                   "index",
                   "fill",
                   "DRAM",
                   "first layer's time",
                   "... rows idle",
                   "x peak without it"};
  using sim::Cause;
  for (const Case& one : cases) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      if (!one.readings[r].ablation[kBoth]) continue;
      const Costs& costs = one.readings[r].sense();
      const auto& causes = costs.conv.causes;
      const double all = std::accumulate(causes.begin(), causes.end(), 0.0);
      const auto share = [&](Cause cause) {
        return number(100 * causes[static_cast<std::size_t>(cause)] / all, 1);
      };
      table.rows.push_back({words(name_of(one)), words(kReadings[r]), share(Cause::work),
                            share(Cause::imbalance), share(Cause::underfill), share(Cause::index),
                            share(Cause::fill), share(Cause::memory),
                            number(100 * first_share(costs), 1, " %"),
                            number(100 * first_share(*one.readings[r].idle), 1, " %"),
                            number(x_peak(costs.inner), 2)});
    }
  }
  table.notes = {
      "Underfill: rows without a channel, columns without a kernel, and products beyond a tile's "
      "border. Rows are input channels [assumed in the notes]; in a first layer of three channels "
      "30 "
      "of 32 work if they take other tiles of the map and the buffers hold ten, else 3."};
  return table;
}

ResultTable density_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "What was run: mean densities of convolutions, weighted by pairs (percent)";
  table.columns = {"network, weights", "structure", "weights", "inputs"};
  for (const Case& one : cases) {
    for (const Densities& densities : one.run) {
      table.rows.push_back({words(name_of(one)), words(densities.structure),
                            number(100 * densities.weights, 1), number(100 * densities.inputs, 1)});
    }
  }
  return table;
}

Plot rate_plot(const std::vector<Case>& cases) {
  Plot plot;
  plot.title = "Dense-equivalent operations over the peak of 409.6 GOP/s";
  plot.x_label = "network, weights";
  plot.y_label = "x peak";
  plot.bars = true;
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t r = 0; r < kReadings.size(); ++r) {
    plot.series.push_back({fmt::format("{}, conv", kReadings[r]), {}});
    plot.series.push_back({fmt::format("{}, conv+FC", kReadings[r]), {}});
  }
  plot.series.push_back({"published", {}});
  for (const Case& one : cases) {
    if (!one.published) continue;
    plot.categories.push_back(name_of(one));
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      plot.series[2 * r].values.push_back(x_peak(one.readings[r].sense().conv));
      plot.series[2 * r + 1].values.push_back(x_peak(one.readings[r].sense().weighted));
    }
    const Published* figure = published(one.network);
    plot.series.back().values.push_back(figure == nullptr ? kNothing : figure->x_peak);
  }
  return plot;
}

}  // namespace syncopate::reproduce::sense
