#include "shrink/allocate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace syncopate::shrink {
namespace {

double density_of(const prune::Mask& mask) {
  const auto kept = std::count_if(mask.begin(), mask.end(), [](std::uint8_t m) { return m != 0; });
  return static_cast<double>(kept) / static_cast<double>(std::max<std::size_t>(mask.size(), 1));
}

/// The lowest density at which the layer loses no more than `tolerance` points.
double density_within(const Sensitivity& layer, double tolerance) {
  double worst = 0, density = layer.densities.front();
  for (std::size_t i = 1; i < layer.densities.size(); ++i) {
    const double drop = std::max(worst, layer.accuracies.front() - layer.accuracies[i]);
    if (drop > tolerance) {
      if (layer.steps) return density;
      const double part = (tolerance - worst) / (drop - worst);
      return density + part * (layer.densities[i] - density);
    }
    worst = drop;
    density = layer.densities[i];
  }
  return density;
}

double total_density(const std::vector<Sensitivity>& layers, double tolerance) {
  double kept = 0, all = 0;
  for (const Sensitivity& layer : layers) {
    kept += density_within(layer, tolerance) * static_cast<double>(layer.weights);
    all += static_cast<double>(layer.weights);
  }
  return kept / all;
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
  double low = 0, high = 100;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (total_density(layers, middle) > density ? low : high) = middle;
  }
  std::map<std::string, double> densities;
  for (const Sensitivity& layer : layers) densities[layer.node] = density_within(layer, high);
  return densities;
}

}  // namespace syncopate::shrink
