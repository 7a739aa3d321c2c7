#include "reproduce/structures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "prune/prune.h"

namespace syncopate::reproduce {
namespace {

constexpr std::size_t kPatterns = 6;          ///< Of 2 to 7 published ones [assumed].
constexpr std::int64_t kColumnOutputs = 128;  ///< Filters of a group [assumed].

double density_of(const WeightDensities& densities, const std::string& node) {
  const auto own = densities.layers.find(node);
  return own == densities.layers.end() ? densities.others : own->second;
}

/// The whole number of weights of a unit that is nearest to its density.
double whole(const prune::Weights& weights, double density, std::int64_t group) {
  const std::int64_t size =
      weights.kernel() > 1 ? weights.kernel() : std::min(group, weights.inputs);
  const auto wanted = std::llround(density * static_cast<double>(size));
  return static_cast<double>(std::max<std::int64_t>(1, wanted)) / static_cast<double>(size);
}

prune::Options options_for(Structure structure) {
  prune::Options options;
  switch (structure) {
    case Structure::balanced:
    case Structure::vectors:
    case Structure::whole:
      options.method = prune::Method::balanced;
      return options;
    case Structure::columns:
      options.method = prune::Method::coarse;
      options.conv = options.fc_large = options.fc_small = {1, kColumnOutputs, 1, 1};
      return options;
    case Structure::coarse:
      options.method = prune::Method::coarse;
      return options;
    default:
      options.method = prune::Method::magnitude;
      return options;
  }
}

/// Squares of a kernel's weights.
std::vector<float> squares(const prune::Weights& w, std::span<const float> values, std::int64_t g,
                           std::int64_t o, std::int64_t i) {
  std::vector<float> result;
  for (std::int64_t y = 0; y < w.height; ++y) {
    for (std::int64_t x = 0; x < w.width; ++x) {
      const float value = values[static_cast<std::size_t>(w.address(g, o, i, y, x))];
      result.push_back(value * value);
    }
  }
  return result;
}

template <class Visit>
void for_each_kernel(const prune::Weights& w, const Visit& visit) {
  for (std::int64_t g = 0; g < w.groups; ++g) {
    for (std::int64_t o = 0; o < w.outputs; ++o) {
      for (std::int64_t i = 0; i < w.inputs; ++i) visit(g, o, i);
    }
  }
}

/// Which of a kernel's positions are its `kept` largest.
prune::Mask largest(const std::vector<float>& squares, std::int64_t kept) {
  std::vector<std::size_t> order(squares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return squares[a] > squares[b]; });
  prune::Mask mask(squares.size(), 0);
  for (std::size_t k = 0; k < static_cast<std::size_t>(kept); ++k) mask[order[k]] = 1;
  return mask;
}

/// The masks that most kernels would choose for themselves; ties go to the first in order.
std::vector<prune::Mask> most_wanted(const prune::Weights& w, std::span<const float> values,
                                     std::int64_t kept, std::size_t most) {
  std::map<std::string, std::int64_t> votes;  // By mask.
  for_each_kernel(w, [&](std::int64_t g, std::int64_t o, std::int64_t i) {
    const prune::Mask mask = largest(squares(w, values, g, o, i), kept);
    ++votes[std::string(mask.begin(), mask.end())];
  });
  std::vector<std::pair<std::int64_t, prune::Mask>> ranked;
  for (const auto& [mask, count] : votes) {
    ranked.emplace_back(count, prune::Mask(mask.begin(), mask.end()));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<prune::Mask> patterns;
  for (std::size_t n = 0; n < std::min(most, ranked.size()); ++n) {
    patterns.push_back(std::move(ranked[n].second));
  }
  return patterns;
}

std::size_t best_pattern(const std::vector<prune::Mask>& patterns,
                         const std::vector<float>& squares) {
  std::size_t best = 0;
  float most = -1;
  for (std::size_t n = 0; n < patterns.size(); ++n) {
    float kept = 0;
    for (std::size_t k = 0; k < squares.size(); ++k) kept += patterns[n][k] != 0 ? squares[k] : 0;
    if (kept <= most) continue;
    most = kept;
    best = n;
  }
  return best;
}

/// Layers that share a length of vectors at a time; fully connected ones stay in vectors of 32.
void prune_in_vectors(ir::Graph& graph, prune::Options options) {
  constexpr std::int64_t kRows = 32, kMost = 32;
  std::map<std::int64_t, std::set<std::string>> nodes;
  std::set<std::string> all;
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    const prune::Weights& w = layer.weights;
    const bool pointwise = w.kernel() == 1 && !w.fully_connected;
    nodes[pointwise ? std::min(kMost, (w.inputs + kRows - 1) / kRows) : kMost].insert(layer.node);
    all.insert(layer.node);
  }
  for (const auto& [length, mine] : nodes) {
    options.group_1x1 = length;
    options.keep = all;
    for (const std::string& node : mine) options.keep.erase(node);
    prune::prune(graph, options);
  }
}

}  // namespace

prune::Masks pattern_masks(const ir::Graph& graph, const WeightDensities& densities,
                           std::size_t most_patterns) {
  prune::Masks masks;
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    const prune::Weights& w = layer.weights;
    if (w.kernel() == 1) continue;
    const auto values = graph.value(w.value).constant->data<float>();
    const double wanted = density_of(densities, layer.node) * static_cast<double>(w.kernel());
    const auto kept = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(wanted - 0.5)));
    const auto patterns = most_wanted(w, values, kept, most_patterns);
    prune::Mask mask(values.size(), 0);
    for_each_kernel(w, [&](std::int64_t g, std::int64_t o, std::int64_t i) {
      const prune::Mask& pattern = patterns[best_pattern(patterns, squares(w, values, g, o, i))];
      for (std::int64_t k = 0; k < w.kernel(); ++k) {
        const std::int64_t at = w.address(g, o, i, k / w.width, k % w.width);
        mask[static_cast<std::size_t>(at)] = pattern[static_cast<std::size_t>(k)];
      }
    });
    masks[layer.value] = std::move(mask);
  }
  return masks;
}

void prune_to(ir::Graph& graph, Structure structure, const WeightDensities& densities) {
  if (structure == Structure::dense) return;
  if (structure == Structure::patterns) {
    return prune::apply(graph, pattern_masks(graph, densities, kPatterns));
  }
  prune::Options options = options_for(structure);
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    double& density = options.layer_density[layer.node];
    density = density_of(densities, layer.node);
    if (structure == Structure::whole) density = whole(layer.weights, density, options.group_1x1);
  }
  if (structure == Structure::vectors) return prune_in_vectors(graph, options);
  prune::prune(graph, options);
}

}  // namespace syncopate::reproduce
