#pragma once

#include <cstdint>

#include "ir/graph.h"

namespace syncopate::ir {

/// Bytes that folding may still allocate. A file of a few bytes can ask for terabytes, so folding
/// counts what it makes and gives up with an InputError when this is spent.
struct FoldBudget {
  std::int64_t bytes = std::int64_t{2} << 30;
};

/// Computes a node whose inputs are constants (for Shape: whose input has a shape) and stores the
/// results as constants in its output values. Returns false, changing nothing, when an input is not
/// constant or the operator is left to run time: layers with weights, and DequantizeLinear, whose
/// integer operand is what quantization needs to see. Reshaped constants share storage. Shapes of
/// the node's outputs must be inferred already. InputError names the node.
bool fold_node(Graph& graph, const Node& node, FoldBudget& budget);

/// Folds all nodes that can be, in order, and removes them and what only they used.
void fold_constants(Graph& graph, FoldBudget budget = {});

}  // namespace syncopate::ir
