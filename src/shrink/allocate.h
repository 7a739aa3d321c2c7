#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "prune/prune.h"
#include "shrink/coach.h"

// Which layer gives up how much: a sensitivity scan, and densities from it.

namespace syncopate::shrink {

/// What happens when one layer alone loses more of its weights.
struct Sensitivity {
  std::string node;
  std::int64_t weights = 0;
  double density = 1;              ///< Before.
  std::vector<double> densities;   ///< Falling, from `density` on; what the masks left.
  std::vector<double> accuracies;  ///< Of Pictures::scan at each, percent.
  bool steps = false;              ///< The structure allows few densities: none in between.
};

/// Called before each measurement.
using ScanProgress =
    std::function<void(const std::string& node, std::size_t done, std::size_t all)>;

/// Prunes one layer at a time, behind the masks there are, to each of `factors` (falling, below 1)
/// of its density, and scores the network without training.
std::vector<Sensitivity> scan(const ir::Graph& graph, const prune::Masks& masks,
                              const prune::Options& how, const std::vector<double>& factors,
                              Coach& coach, const ScanProgress& progress);

/// Densities, by node, that together leave `density` of all scanned weights where they cost least:
/// weights go in the order of points lost per weight. A layer's cost is what its accuracy in the
/// scan falls by, never taken to rise, and half a point for every e-th that it keeps (see
/// allocate.cpp). Between measured densities cost is taken to be linear or better; a layer of steps
/// stays on measured ones. Where even the lowest densities leave more, those.
std::map<std::string, double> allocate(const std::vector<Sensitivity>& layers, double density);

}  // namespace syncopate::shrink
