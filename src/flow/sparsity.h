#pragma once

#include "ir/graph.h"
#include "prune/convergence.h"
#include "prune/irregularity.h"
#include "report/outcome.h"

namespace syncopate::flow {

/// What the sparsity of a network is compared with, and how it is measured.
struct SparsityOptions {
  /// The same network pruned otherwise, e.g. weight by weight: ratios R of its sizes over those of
  /// the network at hand. Layers are paired by name.
  const ir::Graph* against = nullptr;
  const ir::Graph* initial = nullptr;  ///< The same network before training.
  prune::IrregularityOptions irregularity;
  prune::ConvergenceOptions convergence;
};

/// How regular the zeros of a network are, as tables and plots: irregularity (JBIG and stored
/// index), imbalance of kernels and lanes, local convergence. InputError for a network without
/// weights that can be pruned, or layers that do not pair.
report::Outcome sparsity(const ir::Graph& graph, const SparsityOptions& options);

}  // namespace syncopate::flow
