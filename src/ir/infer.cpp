#include "ir/infer.h"

#include <array>
#include <limits>

#include "ir/infer_rules.h"

namespace syncopate::ir {
namespace rules {

void Inputs::expect_type(std::size_t i, DType wanted, std::string_view what) const {
  if (dtype(i) == wanted) return;
  fail("{} ('{}') has the type {}, expected {}", what, value(i).name, name_of(dtype(i)),
       name_of(wanted));
}

void Inputs::expect_shape(std::size_t i, const Shape& wanted, std::string_view what) const {
  if (shape(i) == wanted) return;
  fail("{} ('{}') has the shape {}, expected {}", what, value(i).name, to_string(shape(i)),
       to_string(wanted));
}

void Inputs::expect_single(std::size_t i, std::string_view what) const {
  if (element_count(shape(i)) == 1) return;
  fail("{} ('{}') has the shape {}, expected one element", what, value(i).name,
       to_string(shape(i)));
}

}  // namespace rules

namespace {

/// How many inputs an operator takes: the first `required` must be present.
struct Arity {
  std::size_t required;
  std::size_t most;
};

struct ArityOf {
  static constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  Arity operator()(const Conv&) const { return {2, 3}; }
  Arity operator()(const ConvTranspose&) const { return {2, 3}; }
  Arity operator()(const Gemm&) const { return {2, 3}; }
  Arity operator()(const MatMul&) const { return {2, 2}; }
  Arity operator()(const BatchNormalization&) const { return {5, 5}; }
  Arity operator()(const PRelu&) const { return {2, 2}; }
  Arity operator()(const Binary&) const { return {2, 2}; }
  Arity operator()(const Concat&) const { return {1, kAny}; }
  Arity operator()(const QuantizeLinear&) const { return {2, 3}; }
  Arity operator()(const DequantizeLinear&) const { return {2, 3}; }
  Arity operator()(const QLinearConv&) const { return {8, 9}; }
  Arity operator()(const QLinearMatMul&) const { return {8, 8}; }
  Arity operator()(const Gather&) const { return {2, 2}; }
  template <class Op>
  Arity operator()(const Op&) const {
    return {1, 1};
  }
};

void check_arity(const Node& node) {
  const Arity arity = std::visit(ArityOf{}, node.op);
  if (node.inputs.size() < arity.required || node.inputs.size() > arity.most) {
    fail("it has {} inputs, expected {}", node.inputs.size(),
         arity.most == ArityOf::kAny    ? fmt::format("at least {}", arity.required)
         : arity.most == arity.required ? fmt::format("{}", arity.required)
                                        : fmt::format("{} to {}", arity.required, arity.most));
  }
  const std::size_t present = arity.most == ArityOf::kAny ? node.inputs.size() : arity.required;
  for (std::size_t i = 0; i < present; ++i) {
    if (node.inputs[i] == kNoValue) fail("input {} is missing", i);
  }
}

}  // namespace

std::vector<TypeAndShape> infer_node(const Graph& graph, const Node& node) {
  try {
    check_arity(node);
    const rules::Inputs inputs(graph, node);
    auto results = std::visit([&](const auto& op) { return rules::infer(op, inputs); }, node.op);
    for (const TypeAndShape& result : results) element_count(result.shape);
    if (node.outputs.size() > results.size()) {
      fail("it has {} outputs, expected at most {}", node.outputs.size(), results.size());
    }
    return results;
  } catch (const InputError& error) {
    fail("node '{}' ({}): {}", node.name, name_of(node.op), error.what());
  }
}

void infer_outputs(Graph& graph, const Node& node) {
  auto results = infer_node(graph, node);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    Value& value = graph.value(node.outputs[i]);
    value.dtype = results[i].dtype;
    value.shape = std::move(results[i].shape);
  }
}

}  // namespace syncopate::ir
