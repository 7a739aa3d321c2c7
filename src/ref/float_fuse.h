#pragma once

#include <optional>
#include <set>
#include <vector>

#include "ir/graph.h"

namespace syncopate::ref {

/// Nodes that run as one operation: a main operator, and what is applied to its result before
/// anyone else sees it.
struct FusedNode {
  const ir::Node* node = nullptr;
  std::vector<const ir::Node*> nodes;   ///< All of them in order, `node` first.
  const ir::Node* norm = nullptr;       ///< Batch normalization right behind a convolution.
  ir::ValueId residual = ir::kNoValue;  ///< Added to the result, of the same shape.
  std::optional<ir::Unary> activation;  ///< Applied last.
  ir::ValueId output = ir::kNoValue;    ///< First output after all that.
};

/// Groups the nodes of a graph, in an order in which every operand is made before it is used.
/// Values in `kept` (observed ones; graph outputs always) stay visible; `constants` are values
/// known before the network runs, and nodes making only those are left out.
std::vector<FusedNode> fuse(const ir::Graph& graph, const std::set<ir::ValueId>& kept,
                            const std::set<ir::ValueId>& constants);

}  // namespace syncopate::ref
