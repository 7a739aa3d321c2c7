#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "prune/structure.h"

// Local convergence [paper: Cambricon-S]: training gathers the larger weights into small clusters.
// It is seen by counting larger weights in windows that slide over a layer, and comparing with the
// weights before training and with the same weights in random order.

namespace syncopate::prune {

struct ConvergenceOptions {
  double top = 0.10;  ///< Weights that count as larger: this share with the largest |w| [assumed].
  std::int64_t window = 4;  ///< Extent of the square window, stride 1 [assumed].
  std::uint64_t seed = 1;   ///< Of the random order.
};

/// Share of windows with at least t larger weights, for t = 0 ... window². A layer is the picture
/// of mask_image: positions by outputs. Empty when a window does not fit.
using WindowCounts = std::vector<double>;

/// `values`: row-major. The larger are exactly round(top * size), at least one; ties go to the
/// earlier.
WindowCounts window_counts(std::span<const float> values, std::int64_t rows, std::int64_t columns,
                           const ConvergenceOptions& options);

struct LayerConvergence {
  std::string node;
  std::int64_t windows = 0;
  WindowCounts weights;   ///< As they are.
  WindowCounts permuted;  ///< The same in random order: what the distribution of |w| alone gives.
  WindowCounts initial;   ///< Before training; empty without.
};

/// Of each prunable layer in which a window fits. `initial` is the network before training: layers
/// are paired by node name. InputError when one of the same name has another shape, or none pairs.
std::vector<LayerConvergence> local_convergence(const ir::Graph& graph, const ir::Graph* initial,
                                                const ConvergenceOptions& options = {});

/// Over all windows of all layers.
LayerConvergence mean_convergence(std::span<const LayerConvergence> layers);

}  // namespace syncopate::prune
