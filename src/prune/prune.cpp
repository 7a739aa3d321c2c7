#include "prune/prune.h"

#include <algorithm>

#include "base/error.h"
#include "prune/density.h"

namespace syncopate::prune {
namespace {

const Mask* find(const Masks* masks, const std::string& value) {
  if (masks == nullptr) return nullptr;
  const auto found = masks->find(value);
  return found == masks->end() ? nullptr : &found->second;
}

std::string structure_text(const Weights& w, const Grid& grid, const Options& options,
                           double density) {
  if (options.method == Method::magnitude) return "weights";
  if (options.method != Method::coarse) return Quotas(w, grid, options, density).text();
  const Block& b = grid.window;
  if (w.fully_connected) return fmt::format("{}x{}", b.inputs, b.outputs);
  return fmt::format("{}x{}x{}x{}", b.inputs, b.outputs, b.height, b.width);
}

LayerReport report_layer(const ir::Graph& graph, const Layer& layer, const Mask& mask,
                         const Options& options, double density) {
  const Weights& w = layer.weights;
  const auto values = graph.value(w.value).constant->data<float>();
  const Grid grid = grid_for(w, options);
  LayerReport report{layer.node, layer.op, std::ssize(values)};
  report.structure = structure_text(w, grid, options, density);
  report.blocks = w.groups * grid.count();
  double before = 0, after = 0;
  for (std::size_t a = 0; a < values.size(); ++a) {
    const double square = static_cast<double>(values[a]) * static_cast<double>(values[a]);
    before += square;
    if (mask[a] == 0) continue;
    after += square;
    report.kept += values[a] != 0 ? 1 : 0;
  }
  report.energy_kept = before > 0 ? after / before : 1;
  for_each_window(w, grid, [&](const Window& at) {
    bool kept = false;
    for_each_address(w, at, [&](std::size_t a) { kept |= mask[a] != 0; });
    report.blocks_kept += kept ? 1 : 0;
  });
  return report;
}

Masks masks_at(const ir::Graph& graph, const std::map<std::string, double>& densities,
               const Options& options, const Masks* older) {
  Masks masks;
  for (const Layer& layer : chosen_layers(graph, options)) {
    masks[layer.value] =
        layer_mask(graph, layer, densities.at(layer.node), options, find(older, layer.value));
  }
  return masks;
}

std::vector<LayerReport> report_at(const ir::Graph& graph, const Masks& masks,
                                   const std::map<std::string, double>& densities,
                                   const Options& options) {
  std::vector<LayerReport> reports;
  for (const Layer& layer : chosen_layers(graph, options)) {
    const Mask* mask = find(&masks, layer.value);
    if (mask == nullptr) continue;
    reports.push_back(report_layer(graph, layer, *mask, options, densities.at(layer.node)));
  }
  return reports;
}

}  // namespace

std::vector<Layer> chosen_layers(const ir::Graph& graph, const Options& options) {
  check_options(graph, options);
  std::vector<Layer> layers = prunable_layers(graph);
  std::erase_if(layers, [&](const Layer& layer) { return options.keep.contains(layer.node); });
  if (layers.empty()) {
    fail("{}: nothing to prune; expected Conv, Gemm or MatMul layers with float weights",
         graph.source);
  }
  return layers;
}

std::map<std::string, double> layer_densities(const ir::Graph& graph, const Options& options,
                                              const Masks* older) {
  const std::vector<Layer> layers = chosen_layers(graph, options);
  if (options.global) return global_densities(graph, layers, options, older);
  std::map<std::string, double> densities;
  for (const Layer& layer : layers) {
    const auto own = options.layer_density.find(layer.node);
    densities[layer.node] = own == options.layer_density.end() ? options.density : own->second;
  }
  return densities;
}

Masks make_masks(const ir::Graph& graph, const Options& options, const Masks* older) {
  return masks_at(graph, layer_densities(graph, options, older), options, older);
}

void apply(ir::Graph& graph, const Masks& masks) {
  for (const auto& [name, mask] : masks) {
    ir::Value& value = graph.value(graph.find(name));
    if (!value.constant || value.dtype != DType::f32 ||
        value.constant->size() != std::ssize(mask)) {
      fail("prune: a mask of {} entries does not fit '{}'", mask.size(), name);
    }
    auto values = value.constant->mutable_data<float>();
    for (std::size_t a = 0; a < mask.size(); ++a) {
      if (mask[a] == 0) values[a] = 0;
    }
  }
}

Masks masks_of(const ir::Graph& graph) {
  Masks masks;
  for (const Layer& layer : prunable_layers(graph)) {
    masks[layer.value] = mask_of(*graph.value(layer.weights.value).constant);
  }
  return masks;
}

std::vector<LayerReport> report(const ir::Graph& graph, const Masks& masks,
                                const Options& options) {
  return report_at(graph, masks, layer_densities(graph, options), options);
}

std::vector<LayerReport> prune(ir::Graph& graph, const Options& options) {
  const auto densities = layer_densities(graph, options);
  const Masks masks = masks_at(graph, densities, options, nullptr);
  const std::vector<LayerReport> reports = report_at(graph, masks, densities, options);
  apply(graph, masks);
  return reports;
}

Mask mask_of(const Tensor& weights) {
  const auto values = weights.data<float>();
  Mask mask(values.size());
  std::transform(values.begin(), values.end(), mask.begin(),
                 [](float value) { return static_cast<std::uint8_t>(value != 0); });
  return mask;
}

}  // namespace syncopate::prune
