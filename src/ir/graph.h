#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/ops.h"

namespace syncopate::ir {

/// Index into Graph::values. kNoValue marks an optional input that is absent.
using ValueId = std::int32_t;
inline constexpr ValueId kNoValue = -1;

/// What flows along an edge: an activation, or a constant when `constant` is set.
struct Value {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  ///< Valid after infer_shapes.
  std::optional<Tensor> constant;
};

/// One operator. Outputs a network never uses may be kNoValue.
struct Node {
  std::string name;
  Op op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

/// A trained network: nodes in topological order over named values, with ONNX semantics. After
/// import shapes are inferred, and everything that depends on constants alone is folded.
struct Graph {
  std::string name;
  std::string source;      ///< File or generator it came from, for messages and reports.
  bool synthetic = false;  ///< Weights or activations are made up; reports say so.
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<std::size_t>(id)]; }
  /// Adds a value and returns its id.
  ValueId add_value(Value value);
  /// Adds a constant.
  ValueId add_constant(std::string name, Tensor tensor);
  /// Adds a node with one new output of the given name; returns that output.
  ValueId add_node(std::string name, Op op, std::vector<ValueId> node_inputs,
                   std::string output_name);
  /// The value of that name; InputError when there is none.
  ValueId find(std::string_view name) const;
};

/// Fills in the dtype and shape of every value from those of inputs and constants. InputError names
/// the node whose inputs do not fit.
void infer_shapes(Graph& graph);

/// Throws InternalError when ids dangle, a value has two producers, nodes are out of order, or a
/// shape disagrees with shape inference.
void verify(const Graph& graph);

/// One line per node: `%out:f32[1x64x56x56] = Conv(%in, %w) {kernel=3x3, ...}`. Large constants are
/// summarized by shape and hash.
std::string to_text(const Graph& graph);

/// Multiply-accumulates of one inference of a node, zero for operators without weights.
std::int64_t macs_of(const Graph& graph, const Node& node);

/// Drops nodes and values that do not reach an output; keeps the order of the rest.
void remove_dead(Graph& graph);

}  // namespace syncopate::ir
