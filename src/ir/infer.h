#pragma once

#include <vector>

#include "ir/graph.h"

namespace syncopate::ir {

/// What shape inference knows about a value.
struct TypeAndShape {
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const TypeAndShape&) const = default;
};

/// Types and shapes of all outputs a node can have, from those of its inputs. InputError, starting
/// with the node's name and operator, when the inputs do not fit the operator.
std::vector<TypeAndShape> infer_node(const Graph& graph, const Node& node);

/// Infers one node and stores the result in its output values.
void infer_outputs(Graph& graph, const Node& node);

}  // namespace syncopate::ir
