#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::onnx {

/// Names of a graph's values in the file: their own, made unique where two share one.
class ValueNames {
 public:
  explicit ValueNames(const ir::Graph& graph);
  const std::string& operator[](ir::ValueId id) const {
    return names_[static_cast<std::size_t>(id)];
  }
  /// A name that nothing has yet, starting with `base`.
  std::string fresh(const std::string& base);

 private:
  std::vector<std::string> names_;
  std::vector<std::string> sorted_;
  int next_ = 0;
};

/// ONNX's number for an element type.
int onnx_type(DType dtype);

/// Shape, type, name and contents of a tensor; without contents when `with_data` is false.
void fill_tensor(const Tensor& tensor, const std::string& name, bool with_data,
                 ::onnx::TensorProto& proto);

/// Opset that a node needs at least: 13, or 14.
int opset_of(const ir::Graph& graph, const ir::Node& node);

/// Appends what a node is in ONNX: mostly one node, and initializers for what ONNX passes as
/// inputs.
void write_node(const ir::Graph& graph, const ir::Node& node, ValueNames& names,
                ::onnx::GraphProto& proto);

}  // namespace syncopate::onnx
