#pragma once

#include <string>
#include <vector>

#include "prune/options.h"
#include "prune/structure.h"
#include "prune/weights.h"

// Pruning in one shot: which weights go, without training. Masks first, so that a trainer can hold
// weights to them; then what they do to a network.

namespace syncopate::prune {

/// The layers that `options` prunes: prunable_layers without those of Options::keep. InputError for
/// options that do not fit, or a network without weights.
std::vector<Layer> chosen_layers(const ir::Graph& graph, const Options& options);

/// The density of each of chosen_layers, by node name: from Options::density and layer_density, or
/// with Options::global from one threshold.
std::map<std::string, double> layer_densities(const ir::Graph& graph, const Options& options,
                                              const Masks* older = nullptr);

/// Masks of chosen_layers. The graph stays as it is. With `older`, a weight that it removes stays
/// removed and counts as zero: each new mask is a subset of the older one. InputError as
/// check_options, and for older masks of another size.
Masks make_masks(const ir::Graph& graph, const Options& options, const Masks* older = nullptr);

/// Zeroes what the masks remove. InputError for a mask that fits no constant float tensor.
void apply(ir::Graph& graph, const Masks& masks);

/// What the non-zero weights of each prunable layer would be as masks.
Masks masks_of(const ir::Graph& graph);

/// What happened to one layer.
struct LayerReport {
  std::string node;
  std::string op;
  std::int64_t weights = 0;
  std::int64_t kept = 0;    ///< Non-zero weights that remain.
  std::int64_t blocks = 0;  ///< Windows the layer has (weights for magnitude; kernels or groups).
  std::int64_t blocks_kept = 0;  ///< Windows with a weight that the mask keeps.
  double energy_kept = 1;        ///< Sum of squares that remains, as a fraction.
  std::string structure;         ///< "16 outputs", "2 of 4", "4.5 of 9" ... for tables.
};

/// What masks would do to a network that is not yet pruned by them.
std::vector<LayerReport> report(const ir::Graph& graph, const Masks& masks, const Options& options);

/// make_masks, report and apply in one.
std::vector<LayerReport> prune(ir::Graph& graph, const Options& options);

/// Non-zero mask of a weight tensor, row-major, one byte (0 or 1) per weight. f32 only.
Mask mask_of(const Tensor& weights);

}  // namespace syncopate::prune
