#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/fold.h"
#include "ir/graph.h"
#include "onnx/tensor_proto.h"

namespace syncopate::onnx {

/// The graph being built, and the names by which the file's nodes refer to its values.
class GraphBuilder {
 public:
  explicit GraphBuilder(ir::FoldBudget budget) : budget_(budget) {}

  ir::Graph graph;

  /// The value of that name; kNoValue when there is none yet.
  ir::ValueId find(const std::string& name) const;
  /// Adds a value under its own name; InputError when the name is taken.
  ir::ValueId define(ir::Value value);
  /// Makes `name` another name for a value. A value that a node computes takes over the name when
  /// it is one of the graph's outputs and the value is not.
  void alias(const std::string& name, ir::ValueId id);
  /// Appends a node whose outputs exist, infers their shapes, and folds it when it can be.
  void append(ir::Node node);

  void set_output_names(std::set<std::string> names) { output_names_ = std::move(names); }
  bool is_output(const std::string& name) const { return output_names_.contains(name); }
  /// A name for a node: `wanted`, or made from the operator, with a number when it is taken.
  std::string node_name(const std::string& wanted, const std::string& operator_name);

 private:
  std::unordered_map<std::string, ir::ValueId> names_;
  std::set<std::string> node_names_;
  std::set<std::string> output_names_;
  ir::FoldBudget budget_;
};

/// One node of the file while it is translated: typed access to attributes and inputs, and what
/// becomes of it in the graph. Every error names the node and its operator. Attributes that were
/// not asked for are refused at the end: an attribute we do not know could change the result.
class NodeContext {
 public:
  /// `tensor_of` decodes the tensor of the attribute at a position.
  using TensorOf = std::function<Tensor(int attribute, const std::string& what)>;
  NodeContext(GraphBuilder& builder, const ::onnx::NodeProto& proto, std::int64_t opset,
              TensorOf tensor_of);

  std::int64_t opset() const { return opset_; }
  const std::string& operator_name() const { return proto_.op_type(); }
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("node '{}' ({}): {}", name_, proto_.op_type(),
         fmt::format(format, std::forward<Args>(args)...));
  }

  // Attributes. The wrong type is an InputError.
  bool has(std::string_view attribute) const { return find(attribute) != nullptr; }
  std::int64_t integer(std::string_view attribute, std::int64_t fallback);
  std::int64_t required_integer(std::string_view attribute);
  bool flag(std::string_view attribute, bool fallback);
  float real(std::string_view attribute, float fallback);
  std::string text(std::string_view attribute, std::string_view fallback);
  std::optional<ir::Ints> integers(std::string_view attribute);
  std::optional<std::vector<float>> reals(std::string_view attribute);
  std::optional<Tensor> tensor(std::string_view attribute);
  /// Accepts an attribute that does not change inference.
  void ignore(std::string_view attribute);
  /// InputError when an attribute was neither read nor ignored.
  void check_all_read() const;

  // Inputs.
  std::size_t inputs() const { return inputs_.size(); }
  bool has_input(std::size_t i) const { return i < inputs_.size() && inputs_[i] != ir::kNoValue; }
  /// InputError when input `i` is absent.
  ir::ValueId input(std::size_t i) const;
  /// As above, but kNoValue when absent.
  ir::ValueId optional_input(std::size_t i) const {
    return has_input(i) ? inputs_[i] : ir::kNoValue;
  }
  const Shape& shape(std::size_t i) const { return builder_.graph.value(input(i)).shape; }
  DType dtype(std::size_t i) const { return builder_.graph.value(input(i)).dtype; }
  /// The contents of an input that must be known now; `what` says which ("the shape").
  const Tensor& constant(std::size_t i, std::string_view what) const;
  ir::Ints constant_integers(std::size_t i, std::string_view what) const;
  std::vector<float> constant_reals(std::size_t i, std::string_view what) const;
  float constant_real(std::size_t i, std::string_view what) const;
  /// All inputs, absent ones at the end left out. InputError when there are more than `most`.
  std::vector<ir::ValueId> all_inputs(std::size_t most) const;

  // Outputs.
  std::size_t outputs() const { return static_cast<std::size_t>(proto_.output_size()); }
  bool wants(std::size_t i) const {
    return i < outputs() && !proto_.output(static_cast<int>(i)).empty();
  }
  /// The node becomes `op`, which makes the node's first `count` outputs.
  void emit(ir::Op op, std::vector<ir::ValueId> inputs, std::size_t count = 1);
  /// Output `i` alone comes from `op`.
  void emit_output(std::size_t i, ir::Op op, std::vector<ir::ValueId> inputs);
  /// An extra node before the node's own; returns its output.
  ir::ValueId emit_before(ir::Op op, std::vector<ir::ValueId> inputs);
  /// Output `i` is `id` itself.
  void pass(std::size_t i, ir::ValueId id);
  /// Output `i` is a constant.
  void emit_constant(std::size_t i, Tensor tensor);
  ir::ValueId constant_before(Tensor tensor);

 private:
  const ::onnx::AttributeProto* find(std::string_view attribute) const;
  /// The attribute, marked as read, or null; InputError when it has another type.
  const ::onnx::AttributeProto* take(std::string_view attribute, int type,
                                     std::string_view type_name);
  std::string spare_name();
  ir::ValueId define_output(std::size_t i, DType dtype = DType::f32, Shape shape = {},
                            std::optional<Tensor> contents = {});

  GraphBuilder& builder_;
  const ::onnx::NodeProto& proto_;
  std::int64_t opset_;
  TensorOf tensor_of_;
  std::string name_;
  std::vector<ir::ValueId> inputs_;
  std::set<std::string, std::less<>> read_;
  int spares_ = 0;
};

}  // namespace syncopate::onnx
