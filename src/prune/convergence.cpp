#include "prune/convergence.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::prune {
namespace {

/// 1 for each of the largest |w|.
std::vector<std::uint8_t> larger(std::span<const float> values, double top) {
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto wanted = std::llround(top * static_cast<double>(values.size()));
  const auto count = std::clamp<std::int64_t>(wanted, 1, std::ssize(values));
  std::nth_element(order.begin(), order.begin() + (count - 1), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) {
                     const float x = std::abs(values[a]), y = std::abs(values[b]);
                     return x != y ? x > y : a < b;
                   });
  std::vector<std::uint8_t> result(values.size(), 0);
  for (std::int64_t n = 0; n < count; ++n) result[order[static_cast<std::size_t>(n)]] = 1;
  return result;
}

/// The layer as the picture of mask_image, with its values.
std::vector<float> picture(const ir::Graph& graph, const Weights& w) {
  const auto values = graph.value(w.value).constant->data<float>();
  std::vector<float> result;
  result.reserve(values.size());
  for (std::int64_t i = 0; i < w.inputs; ++i) {
    for (std::int64_t p = 0; p < w.kernel(); ++p) {
      for (std::int64_t g = 0; g < w.groups; ++g) {
        for (std::int64_t o = 0; o < w.outputs; ++o) {
          result.push_back(values[static_cast<std::size_t>(w.address(g, o, i, 0, p))]);
        }
      }
    }
  }
  return result;
}

void shuffle(std::vector<float>& values, std::uint64_t seed) {
  Random random(seed);
  for (std::int64_t n = std::ssize(values) - 1; n > 0; --n) {
    const std::int64_t other = random.integer(0, n);
    std::swap(values[static_cast<std::size_t>(n)], values[static_cast<std::size_t>(other)]);
  }
}

const Layer* partner(const std::vector<Layer>& layers, const Layer& wanted) {
  for (const Layer& layer : layers) {
    if (layer.node == wanted.node) return &layer;
  }
  return nullptr;
}

void check_shapes(const ir::Graph& a, const Layer& layer, const ir::Graph& b, const Layer& other) {
  const Shape& shape = a.value(layer.weights.value).shape;
  const Shape& other_shape = b.value(other.weights.value).shape;
  if (shape == other_shape) return;
  fail("{}: the weights of '{}' are {}, those of {} {}; expected the same network", b.source,
       layer.node, to_string(other_shape), a.source, to_string(shape));
}

}  // namespace

WindowCounts window_counts(std::span<const float> values, std::int64_t rows, std::int64_t columns,
                           const ConvergenceOptions& options) {
  const std::int64_t side = options.window;
  if (side < 1) fail("local convergence: a window of {}; expected at least 1", side);
  if (rows < side || columns < side) return {};
  const std::vector<std::uint8_t> large = larger(values, options.top);
  std::vector<std::int64_t> histogram(static_cast<std::size_t>(side * side) + 1, 0);
  std::vector<std::int64_t> column_sums(static_cast<std::size_t>(columns), 0);
  const auto add_row = [&](std::int64_t row, std::int64_t sign) {
    const std::uint8_t* line = large.data() + row * columns;
    for (std::size_t c = 0; c < column_sums.size(); ++c) column_sums[c] += sign * line[c];
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    add_row(r, 1);
    if (r >= side) add_row(r - side, -1);
    if (r + 1 < side) continue;
    std::int64_t inside = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
      inside += column_sums[static_cast<std::size_t>(c)];
      if (c >= side) inside -= column_sums[static_cast<std::size_t>(c - side)];
      if (c + 1 >= side) ++histogram[static_cast<std::size_t>(inside)];
    }
  }
  const auto windows = static_cast<double>((rows - side + 1) * (columns - side + 1));
  WindowCounts at_least(histogram.size());
  std::int64_t sum = 0;
  for (std::size_t t = histogram.size(); t-- > 0;) {
    sum += histogram[t];
    at_least[t] = static_cast<double>(sum) / windows;
  }
  return at_least;
}

std::vector<LayerConvergence> local_convergence(const ir::Graph& graph, const ir::Graph* initial,
                                                const ConvergenceOptions& options) {
  const std::vector<Layer> layers = prunable_layers(graph);
  const std::vector<Layer> others =
      initial == nullptr ? std::vector<Layer>{} : prunable_layers(*initial);
  bool paired = false;
  for (const Layer& layer : layers) {
    const Layer* other = partner(others, layer);
    if (other == nullptr) continue;
    check_shapes(graph, layer, *initial, *other);
    paired = true;
  }
  if (initial != nullptr && !paired) {
    fail("{}: no layer has the name of one of {}; expected the same network before training",
         initial->source, graph.source);
  }
  std::vector<LayerConvergence> result(layers.size());
  tbb::parallel_for(std::size_t{0}, layers.size(), [&](std::size_t n) {
    const Weights& w = layers[n].weights;
    const std::int64_t rows = w.inputs * w.kernel(), columns = w.groups * w.outputs;
    LayerConvergence& layer = result[n];
    layer.node = layers[n].node;
    std::vector<float> values = picture(graph, w);
    layer.weights = window_counts(values, rows, columns, options);
    if (layer.weights.empty()) return;
    layer.windows = (rows - options.window + 1) * (columns - options.window + 1);
    shuffle(values, options.seed + n);
    layer.permuted = window_counts(values, rows, columns, options);
    if (const Layer* other = partner(others, layers[n])) {
      layer.initial = window_counts(picture(*initial, other->weights), rows, columns, options);
    }
  });
  std::erase_if(result, [](const LayerConvergence& layer) { return layer.windows == 0; });
  return result;
}

LayerConvergence mean_convergence(std::span<const LayerConvergence> layers) {
  LayerConvergence mean{"all layers"};
  std::int64_t initial_windows = 0;
  const auto add = [](WindowCounts& sum, const WindowCounts& more, std::int64_t windows) {
    sum.resize(std::max(sum.size(), more.size()), 0);
    for (std::size_t t = 0; t < more.size(); ++t) sum[t] += more[t] * static_cast<double>(windows);
  };
  const auto divide = [](WindowCounts& sum, std::int64_t windows) {
    for (double& value : sum) value /= static_cast<double>(std::max<std::int64_t>(1, windows));
  };
  for (const LayerConvergence& layer : layers) {
    mean.windows += layer.windows;
    add(mean.weights, layer.weights, layer.windows);
    add(mean.permuted, layer.permuted, layer.windows);
    add(mean.initial, layer.initial, layer.windows);
    if (!layer.initial.empty()) initial_windows += layer.windows;
  }
  divide(mean.weights, mean.windows);
  divide(mean.permuted, mean.windows);
  divide(mean.initial, initial_windows);
  return mean;
}

}  // namespace syncopate::prune
