#include "prune/density.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace syncopate::prune {
namespace {

/// One layer under the threshold.
struct Contender {
  const Layer* layer = nullptr;
  Magnitudes values;
  Grid grid;
  Criterion criterion = Criterion::average;
  float factor = 1;  ///< On every score.
  /// Scale::lamp: sums of squares, over weights, of scores whose upper halves are no less than the
  /// index. So scores that differ by under a hundredth count as equal in these sums.
  std::vector<double> rest;
  double density = 0;  ///< What it keeps, in windows.
  bool fixed = false;  ///< Its density stands already.
};

/// How many upper halves a float's bits have.
constexpr std::size_t kHalves = std::size_t{1} << 16;

float scaled(const Contender& c, float value) {
  if (c.rest.empty()) return value * c.factor;
  const double rest = c.rest[std::bit_cast<std::uint32_t>(value) >> 16];
  return rest > 0 ? static_cast<float>(static_cast<double>(value) * value / rest) : 0;
}

/// Calls visit(bits of the score, weights) for every window that is not removed. Scores are not
/// negative, so their bits are ordered as they are.
template <class Visit>
void for_each_score(const Contender& c, const Visit& visit) {
  for_each_window(c.layer->weights, c.grid, [&](const Window& at) {
    const float value = score(c.layer->weights, at, c.criterion, c.values);
    if (value >= 0) visit(std::bit_cast<std::uint32_t>(scaled(c, value)), at.size());
  });
}

std::vector<double> rest_of(const Contender& c) {
  std::vector<double> rest(kHalves, 0);
  for_each_score(c, [&](std::uint32_t bits, std::int64_t size) {
    const double value = std::bit_cast<float>(bits);
    rest[bits >> 16] += value * value * static_cast<double>(size);
  });
  std::partial_sum(rest.rbegin(), rest.rend(), rest.rbegin());
  return rest;
}

/// The largest threshold at which windows of at least that score hold `wanted` weights or more, as
/// bits. Found half by half, so that no list of all scores is needed.
std::uint32_t threshold(const std::vector<Contender>& contenders, double wanted) {
  std::uint32_t high = 0;
  double above = 0;  // weights of scores whose upper half is larger
  for (const bool upper : {true, false}) {
    std::vector<double> histogram(kHalves, 0);
    for (const Contender& c : contenders) {
      if (c.fixed) continue;
      for_each_score(c, [&](std::uint32_t bits, std::int64_t size) {
        if (upper || bits >> 16 == high) {
          histogram[upper ? bits >> 16 : bits & 0xFFFFU] += static_cast<double>(size);
        }
      });
    }
    std::size_t bin = histogram.size() - 1;
    for (; bin > 0 && above + histogram[bin] < wanted; --bin) above += histogram[bin];
    if (!upper) return high << 16 | static_cast<std::uint32_t>(bin);
    high = static_cast<std::uint32_t>(bin);
  }
  return 0;
}

double density_at(const Contender& c, std::uint32_t least) {
  std::int64_t kept = 0;
  // A window of zeros is nothing to keep, even where the threshold is zero.
  for_each_score(c, [&](std::uint32_t bits, std::int64_t) { kept += bits >= least && bits > 0; });
  return static_cast<double>(kept) / static_cast<double>(c.layer->weights.groups * c.grid.count());
}

float layer_factor(const Magnitudes& values) {
  double sum = 0;
  for (std::size_t a = 0; a < values.values.size(); ++a) {
    sum += static_cast<double>(values.at(a)) * static_cast<double>(values.at(a));
  }
  const double mean = std::sqrt(sum / static_cast<double>(values.values.size()));
  return mean > 0 ? static_cast<float>(1 / mean) : 1;
}

Contender make_contender(const ir::Graph& graph, const Layer& layer, const Options& options,
                         const Masks* older) {
  Contender c;
  c.layer = &layer;
  const Mask* mask =
      older != nullptr && older->contains(layer.value) ? &older->at(layer.value) : nullptr;
  c.values = {graph.value(layer.weights.value).constant->data<float>(), mask};
  const bool windows = options.method == Method::coarse;
  c.grid = windows ? grid_for(layer.weights, options) : single_weights(layer.weights);
  c.criterion = windows ? options.criterion : Criterion::max;
  if (options.scale == Scale::layer) c.factor = layer_factor(c.values);
  if (options.scale == Scale::lamp) c.rest = rest_of(c);
  const auto own = options.layer_density.find(layer.node);
  c.fixed = own != options.layer_density.end();
  if (c.fixed) c.density = own->second;
  return c;
}

/// Weights that the threshold may leave: those of the density without those of fixed layers.
double budget(const std::vector<Contender>& contenders, const Options& options) {
  double wanted = 0, fixed = 0;
  for (const Contender& c : contenders) {
    const auto size = static_cast<double>(c.layer->weights.size());
    wanted += options.density * size;
    if (c.fixed) fixed += c.density * size;
  }
  if (fixed > wanted * (1 + 1e-9)) {
    fail(
        "prune: layers with a density of their own keep {:.0f} weights, more than the {:.0f} that "
        "a density of {} leaves of all layers",
        fixed, wanted, options.density);
  }
  return wanted - fixed;
}

}  // namespace

std::map<std::string, double> global_densities(const ir::Graph& graph,
                                               const std::vector<Layer>& layers,
                                               const Options& options, const Masks* older) {
  std::vector<Contender> contenders;
  for (const Layer& layer : layers) {
    contenders.push_back(make_contender(graph, layer, options, older));
  }
  for (bool again = true; again;) {
    again = false;
    const double wanted = budget(contenders, options);
    const std::uint32_t least = threshold(contenders, wanted);
    for (Contender& c : contenders) {
      if (c.fixed) continue;
      c.density = density_at(c, least);
      if (c.density >= options.least_density) continue;
      c.density = options.least_density;
      c.fixed = again = true;
    }
  }
  std::map<std::string, double> densities;
  for (const Contender& c : contenders) densities[c.layer->node] = c.density;
  return densities;
}

}  // namespace syncopate::prune
