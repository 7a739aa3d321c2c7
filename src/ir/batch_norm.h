#pragma once

#include <span>

#include "ir/graph.h"

namespace syncopate::ir {

/// Rewrites every BatchNormalization whose parameters are constants as scale and shift alone: mean
/// 0, variance 1 and epsilon 0, with what they did moved into scale and bias. Two of its four
/// vectors then hold no information. Outputs change by rounding only. Parameters that other nodes
/// use too are copied first. Returns how many were rewritten.
///
///   BatchNormalization(x, s, b, m, v) {epsilon=e}
///   BatchNormalization(x, s / sqrt(v + e), b - m s / sqrt(v + e), 0, 1) {epsilon=0}
int merge_batch_norms(Graph& graph);

/// Whether a node is a BatchNormalization that was rewritten so.
bool is_merged_batch_norm(const Graph& graph, const Node& node);

/// The other way round: gives a rewritten one the mean and variance of its input, by channel, and
/// the usual epsilon, and scale and bias with which it computes what it did.
void unmerge_batch_norm(Graph& graph, Node& node, std::span<const double> mean,
                        std::span<const double> variance);

}  // namespace syncopate::ir
