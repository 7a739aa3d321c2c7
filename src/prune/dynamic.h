#pragma once

#include <span>
#include <string>

#include "prune/structure.h"

namespace syncopate::prune {

/// How the mask of a layer changes while the layer is trained: chosen again and again from weights
/// that go on learning where it hides them, so that they may come back (dynamic pruning with
/// feedback: Lin et al. 2020). The density falls steeply first, then ever more slowly (Zhu and
/// Gupta 2017).
struct DynamicMask {
  Layer layer;
  Options how;
  double first = 1;   ///< Density before training.
  double last = 0.2;  ///< Density at the end.
  Mask older;         ///< What it removes never comes back; empty: nothing is removed.

  /// The density when `share` of the choices have been made, 0 to 1.
  double density(double share) const;
  /// The mask then. `weights` in the tensor's storage order.
  Mask choose(std::span<const float> weights, double share) const;
  /// What it depends on besides the weights, in words.
  std::string text() const;
};

}  // namespace syncopate::prune
