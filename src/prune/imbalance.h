#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prune/structure.h"

namespace syncopate::prune {

/// How unevenly a layer's weights are spread. All are 1 when even; 0 for a layer of zeros.
struct LayerImbalance {
  std::string node;
  std::int64_t kernels = 0;
  double kernel = 0;  ///< Fullest kernel over the mean; 1x1 layers: groups of 32 inputs, full ones.
  double output = 0;  ///< Fullest output over the mean.
  /// One entry per width asked for: what lanes of consecutive outputs in lock step take over what
  /// their weights are: the sum over groups of outputs of the fullest one times the outputs of the
  /// group, over all weights.
  std::vector<double> lanes;
};

/// Of the non-zero weights of each prunable layer. `lanes`: outputs that work in lock step. Groups
/// of lanes do not cross groups of a convolution.
std::vector<LayerImbalance> imbalance(const ir::Graph& graph,
                                      const std::vector<std::int64_t>& lanes = {16, 32});

}  // namespace syncopate::prune
