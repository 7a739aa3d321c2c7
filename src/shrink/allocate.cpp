#include "shrink/allocate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace syncopate::shrink {
namespace {

double density_of(const prune::Mask& mask) {
  const auto kept = std::count_if(mask.begin(), mask.end(), [](std::uint8_t m) { return m != 0; });
  return static_cast<double>(kept) / static_cast<double>(std::max<std::size_t>(mask.size(), 1));
}

/// What a layer costs when it keeps one e-th of its weights, in points of top-1, beside what the
/// scan says [assumed]. The scan cannot see what tuning will need: a branch beside a shortcut may
/// go and hardly be missed, until all of them have gone. Alone, this gives all layers equally many
/// weights.
constexpr double kPointsPerE = 0.5;

/// Weights that a layer may give up together, at a price.
struct Offer {
  std::size_t layer;
  double weights;
  double price;    ///< Points per weight.
  double density;  ///< Of the layer, afterwards.
};

/// Offers of one layer, each dearer than the one before: the lower convex hull of what it has cost
/// over weights given up.
std::vector<Offer> offers_of(const Sensitivity& layer, std::size_t index) {
  struct Corner {
    double given, cost, density;
  };
  std::vector<Corner> hull{{0, 0, layer.densities.front()}};
  const auto price = [](const Corner& from, const Corner& to) {
    return (to.cost - from.cost) / (to.given - from.given);
  };
  double drop = 0;
  for (std::size_t i = 1; i < layer.densities.size(); ++i) {
    const double left = layer.densities[i] / layer.densities.front();
    drop = std::max(drop, layer.accuracies.front() - layer.accuracies[i]);
    const Corner corner{
        (layer.densities.front() - layer.densities[i]) * static_cast<double>(layer.weights),
        drop - kPointsPerE * std::log(std::max(left, 1e-9)), layer.densities[i]};
    if (corner.given <= hull.back().given) continue;
    while (hull.size() > 1 &&
           price(hull[hull.size() - 2], hull.back()) >= price(hull.back(), corner)) {
      hull.pop_back();
    }
    hull.push_back(corner);
  }
  std::vector<Offer> offers;
  for (std::size_t i = 1; i < hull.size(); ++i) {
    offers.push_back(
        {index, hull[i].given - hull[i - 1].given, price(hull[i - 1], hull[i]), hull[i].density});
  }
  return offers;
}

}  // namespace

std::vector<Sensitivity> scan(const ir::Graph& graph, const prune::Masks& masks,
                              const prune::Options& how, const std::vector<double>& factors,
                              Coach& coach, const ScanProgress& progress) {
  const std::vector<prune::Layer> layers = prune::chosen_layers(graph, how);
  const double before = coach.accuracy(graph, Pictures::scan);
  std::vector<Sensitivity> result;
  std::size_t done = 0;
  ir::Graph pruned = graph;
  for (const prune::Layer& layer : layers) {
    Sensitivity sensitivity{layer.node, layer.weights.size(), 1, {}, {before}};
    const auto older = masks.find(layer.value);
    const prune::Mask* mask = older == masks.end() ? nullptr : &older->second;
    if (mask != nullptr) sensitivity.density = density_of(*mask);
    sensitivity.densities.push_back(sensitivity.density);
    const Tensor weights = *graph.value(layer.weights.value).constant;
    for (const double factor : factors) {
      if (progress) progress(layer.node, done++, layers.size() * factors.size());
      const double density = sensitivity.density * factor;
      prune::Mask smaller = prune::layer_mask(graph, layer, density, how, mask);
      const double reached = density_of(smaller);
      prune::apply(pruned, {{layer.value, std::move(smaller)}});
      sensitivity.densities.push_back(reached);
      sensitivity.steps |= std::abs(reached - density) > 0.02 * density;
      sensitivity.accuracies.push_back(coach.accuracy(pruned, Pictures::scan));
      pruned.value(layer.weights.value).constant = weights;
    }
    result.push_back(std::move(sensitivity));
  }
  return result;
}

std::map<std::string, double> allocate(const std::vector<Sensitivity>& layers, double density) {
  if (layers.empty()) broken("no layers to divide a density among");
  std::map<std::string, double> densities;
  std::vector<Offer> offers;
  double too_many = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Sensitivity& layer = layers[i];
    densities[layer.node] = layer.densities.front();
    too_many += (layer.densities.front() - density) * static_cast<double>(layer.weights);
    for (const Offer& offer : offers_of(layer, i)) offers.push_back(offer);
  }
  // Those of a layer stay in order: each is dearer than the one before.
  std::ranges::stable_sort(offers, {}, &Offer::price);
  for (const Offer& offer : offers) {
    if (too_many <= 1e-9) break;
    const Sensitivity& layer = layers[offer.layer];
    const double share = layer.steps ? 1 : std::min(1.0, too_many / offer.weights);
    double& now = densities[layer.node];
    now += share * (offer.density - now);
    too_many -= share * offer.weights;
  }
  return densities;
}

}  // namespace syncopate::shrink
