#include "prune/imbalance.h"

#include <tbb/parallel_for.h>

#include <numeric>

#include "prune/prune.h"

namespace syncopate::prune {
namespace {

using Counts = std::vector<std::int64_t>;

double over_mean(const Counts& counts) {
  const std::int64_t sum = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (sum == 0) return 0;
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) *
         static_cast<double>(counts.size()) / static_cast<double>(sum);
}

double lock_step(const Counts& outputs, std::int64_t per_group, std::int64_t lanes) {
  std::int64_t time = 0, work = 0;
  for (std::int64_t first = 0; first < std::ssize(outputs); first += per_group) {
    for (std::int64_t o = first; o < first + per_group; o += lanes) {
      const std::int64_t end = std::min(o + lanes, first + per_group);
      time += *std::max_element(outputs.begin() + o, outputs.begin() + end) * (end - o);
      work += std::accumulate(outputs.begin() + o, outputs.begin() + end, std::int64_t{0});
    }
  }
  return work == 0 ? 0 : static_cast<double>(time) / static_cast<double>(work);
}

LayerImbalance of_layer(const Layer& layer, const Mask& mask,
                        const std::vector<std::int64_t>& lanes) {
  const Weights& w = layer.weights;
  const Grid grid = grid_for(w, {.method = Method::balanced});
  const std::int64_t full = std::min(grid.window.inputs, w.inputs) * w.kernel();
  Counts kernels, outputs(static_cast<std::size_t>(w.groups * w.outputs), 0);
  for_each_window(w, grid, [&](const Window& at) {
    std::int64_t kept = 0;
    for_each_address(w, at, [&](std::size_t a) { kept += mask[a]; });
    if (at.size() == full) kernels.push_back(kept);
    outputs[static_cast<std::size_t>(at.group * w.outputs + at.output)] += kept;
  });
  LayerImbalance result{layer.node, std::ssize(kernels), over_mean(kernels), over_mean(outputs)};
  for (const std::int64_t width : lanes) {
    result.lanes.push_back(lock_step(outputs, w.outputs, width));
  }
  return result;
}

}  // namespace

std::vector<LayerImbalance> imbalance(const ir::Graph& graph,
                                      const std::vector<std::int64_t>& lanes) {
  const std::vector<Layer> layers = prunable_layers(graph);
  std::vector<LayerImbalance> result(layers.size());
  tbb::parallel_for(std::size_t{0}, layers.size(), [&](std::size_t n) {
    result[n] = of_layer(layers[n], mask_of(*graph.value(layers[n].weights.value).constant), lanes);
  });
  return result;
}

}  // namespace syncopate::prune
