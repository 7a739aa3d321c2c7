#include "onnx/node_context.h"

#include <algorithm>

#include "ir/infer.h"

namespace syncopate::onnx {

namespace pb = ::onnx;

ir::ValueId GraphBuilder::find(const std::string& name) const {
  const auto at = names_.find(name);
  return at == names_.end() ? ir::kNoValue : at->second;
}

ir::ValueId GraphBuilder::define(ir::Value value) {
  const auto id = static_cast<ir::ValueId>(graph.values.size());
  if (!names_.emplace(value.name, id).second) fail("the name '{}' is given twice", value.name);
  return graph.add_value(std::move(value));
}

void GraphBuilder::alias(const std::string& name, ir::ValueId id) {
  ir::Value& target = graph.value(id);
  const bool computed = !target.constant && std::find(graph.inputs.begin(), graph.inputs.end(),
                                                      id) == graph.inputs.end();
  if (is_output(name) && target.constant) {
    Tensor shared = *target.constant;
    define({name, target.dtype, target.shape, std::move(shared)});
    return;
  }
  if (is_output(name) && (!computed || is_output(target.name))) {
    const ir::ValueId copy = define({name, DType::f32, {}, {}});
    append({node_name("", "Identity"), ir::Unary{ir::UnaryKind::identity}, {id}, {copy}});
    return;
  }
  if (!names_.emplace(name, id).second) fail("the name '{}' is given twice", name);
  if (is_output(name)) target.name = name;
}

void GraphBuilder::append(ir::Node node) {
  ir::infer_outputs(graph, node);
  if (!ir::fold_node(graph, node, budget_)) graph.nodes.push_back(std::move(node));
}

std::string GraphBuilder::node_name(const std::string& wanted, const std::string& operator_name) {
  const std::string base = wanted.empty() ? operator_name : wanted;
  std::string name = wanted.empty() ? fmt::format("{}_{}", base, node_names_.size()) : base;
  for (std::size_t k = node_names_.size(); !node_names_.insert(name).second; ++k) {
    name = fmt::format("{}_{}", base, k);
  }
  return name;
}

NodeContext::NodeContext(GraphBuilder& builder, const pb::NodeProto& proto, std::int64_t opset,
                         TensorOf tensor_of)
    : builder_(builder),
      proto_(proto),
      opset_(opset),
      tensor_of_(std::move(tensor_of)),
      name_(builder.node_name(proto.name(), proto.op_type())) {
  std::set<std::string> seen;
  for (const auto& attribute : proto.attribute()) {
    if (!seen.insert(attribute.name()).second) {
      refuse("attribute '{}' is given twice", attribute.name());
    }
    if (!attribute.ref_attr_name().empty()) {
      refuse("attribute '{}' refers to a function's attribute", attribute.name());
    }
  }
  for (const std::string& input_name : proto.input()) {
    const ir::ValueId id = input_name.empty() ? ir::kNoValue : builder.find(input_name);
    if (id == ir::kNoValue && !input_name.empty()) {
      refuse("input '{}' is not produced by anything before the node", input_name);
    }
    inputs_.push_back(id);
  }
}

const pb::AttributeProto* NodeContext::find(std::string_view attribute) const {
  for (const auto& candidate : proto_.attribute()) {
    if (candidate.name() == attribute) return &candidate;
  }
  return nullptr;
}

const pb::AttributeProto* NodeContext::take(std::string_view attribute, int type,
                                            std::string_view type_name) {
  read_.emplace(attribute);
  const pb::AttributeProto* found = find(attribute);
  // Files of IR version 1 leave the type out.
  if (found != nullptr && found->type() != type && found->type() != pb::AttributeProto::UNDEFINED) {
    refuse("attribute '{}' should be {}", attribute, type_name);
  }
  return found;
}

std::int64_t NodeContext::integer(std::string_view attribute, std::int64_t fallback) {
  const auto* found = take(attribute, pb::AttributeProto::INT, "an integer");
  return found == nullptr ? fallback : found->i();
}

std::int64_t NodeContext::required_integer(std::string_view attribute) {
  if (!has(attribute)) refuse("attribute '{}' is missing", attribute);
  return integer(attribute, 0);
}

bool NodeContext::flag(std::string_view attribute, bool fallback) {
  return integer(attribute, fallback ? 1 : 0) != 0;
}

float NodeContext::real(std::string_view attribute, float fallback) {
  const auto* found = take(attribute, pb::AttributeProto::FLOAT, "a float");
  return found == nullptr ? fallback : found->f();
}

std::string NodeContext::text(std::string_view attribute, std::string_view fallback) {
  const auto* found = take(attribute, pb::AttributeProto::STRING, "a string");
  return found == nullptr ? std::string(fallback) : found->s();
}

std::optional<ir::Ints> NodeContext::integers(std::string_view attribute) {
  const auto* found = take(attribute, pb::AttributeProto::INTS, "a list of integers");
  if (found == nullptr) return std::nullopt;
  return ir::Ints(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<float>> NodeContext::reals(std::string_view attribute) {
  const auto* found = take(attribute, pb::AttributeProto::FLOATS, "a list of floats");
  if (found == nullptr) return std::nullopt;
  return std::vector<float>(found->floats().begin(), found->floats().end());
}

std::optional<Tensor> NodeContext::tensor(std::string_view attribute) {
  const auto* found = take(attribute, pb::AttributeProto::TENSOR, "a tensor");
  if (found == nullptr) return std::nullopt;
  for (int i = 0; i < proto_.attribute_size(); ++i) {
    if (&proto_.attribute(i) != found) continue;
    return tensor_of_(
        i, fmt::format("node '{}' ({}): attribute '{}'", name_, proto_.op_type(), attribute));
  }
  broken("attribute '{}' is not where it was found", attribute);
}

void NodeContext::ignore(std::string_view attribute) { read_.emplace(attribute); }

void NodeContext::check_all_read() const {
  for (const auto& attribute : proto_.attribute()) {
    if (!read_.contains(attribute.name())) {
      refuse("attribute '{}' is not supported in opset {}", attribute.name(), opset_);
    }
  }
}

ir::ValueId NodeContext::input(std::size_t i) const {
  if (!has_input(i)) refuse("input {} is missing", i);
  return inputs_[i];
}

const Tensor& NodeContext::constant(std::size_t i, std::string_view what) const {
  const ir::Value& value = builder_.graph.value(input(i));
  if (!value.constant) {
    refuse(
        "{} ('{}') must be a constant, because shapes and parameters are fixed before a network "
        "runs",
        what, value.name);
  }
  return *value.constant;
}

ir::Ints NodeContext::constant_integers(std::size_t i, std::string_view what) const {
  const Tensor& values = constant(i, what);
  if (values.shape().size() > 1) {
    refuse("{} is a tensor of {}, expected a list", what, to_string(values.shape()));
  }
  if (values.dtype() == DType::i64) {
    const auto data = values.data<std::int64_t>();
    return {data.begin(), data.end()};
  }
  if (values.dtype() == DType::i32) {
    const auto data = values.data<std::int32_t>();
    return {data.begin(), data.end()};
  }
  refuse("{} has the type {}, expected i64", what, name_of(values.dtype()));
}

std::vector<float> NodeContext::constant_reals(std::size_t i, std::string_view what) const {
  const Tensor& values = constant(i, what);
  std::vector<float> result;
  switch (values.dtype()) {
    case DType::f32:
      for (float value : values.data<float>()) result.push_back(value);
      break;
    case DType::i8:
      for (auto value : values.data<std::int8_t>()) result.push_back(value);
      break;
    case DType::u8:
      for (auto value : values.data<std::uint8_t>()) result.push_back(value);
      break;
    case DType::i32:
      for (auto value : values.data<std::int32_t>()) result.push_back(static_cast<float>(value));
      break;
    case DType::i64:
      for (auto value : values.data<std::int64_t>()) result.push_back(static_cast<float>(value));
      break;
    case DType::boolean:
      for (bool value : values.data<bool>()) result.push_back(value ? 1.0F : 0.0F);
      break;
    default:
      refuse("{} has the type {}, expected a number", what, name_of(values.dtype()));
  }
  return result;
}

float NodeContext::constant_real(std::size_t i, std::string_view what) const {
  const std::vector<float> values = constant_reals(i, what);
  if (values.size() != 1) refuse("{} has {} elements, expected 1", what, values.size());
  return values[0];
}

std::vector<ir::ValueId> NodeContext::all_inputs(std::size_t most) const {
  std::vector<ir::ValueId> result = inputs_;
  while (!result.empty() && result.back() == ir::kNoValue) result.pop_back();
  if (result.size() > most) refuse("it has {} inputs, expected at most {}", result.size(), most);
  return result;
}

ir::ValueId NodeContext::define_output(std::size_t i, DType dtype, Shape shape,
                                       std::optional<Tensor> contents) {
  const std::string& name = proto_.output(static_cast<int>(i));
  if (builder_.find(name) != ir::kNoValue) refuse("the name '{}' is given twice", name);
  return builder_.define({name, dtype, std::move(shape), std::move(contents)});
}

void NodeContext::emit(ir::Op op, std::vector<ir::ValueId> op_inputs, std::size_t count) {
  ir::Node node{name_, std::move(op), std::move(op_inputs), {}};
  for (std::size_t i = 0; i < count; ++i) {
    node.outputs.push_back(wants(i) ? define_output(i) : ir::kNoValue);
  }
  for (std::size_t i = count; i < outputs(); ++i) {
    if (wants(i))
      refuse("output {} ('{}') is not supported", i, proto_.output(static_cast<int>(i)));
  }
  builder_.append(std::move(node));
}

void NodeContext::emit_output(std::size_t i, ir::Op op, std::vector<ir::ValueId> op_inputs) {
  const ir::ValueId id = define_output(i);
  builder_.append(
      {builder_.node_name(name_, operator_name()), std::move(op), std::move(op_inputs), {id}});
}

std::string NodeContext::spare_name() {
  while (true) {
    std::string candidate = fmt::format("{}/{}", name_, spares_++);
    if (builder_.find(candidate) == ir::kNoValue) return candidate;
  }
}

ir::ValueId NodeContext::emit_before(ir::Op op, std::vector<ir::ValueId> op_inputs) {
  const ir::ValueId id = builder_.define({spare_name(), DType::f32, {}, {}});
  const std::string name = builder_.node_name(builder_.graph.value(id).name, operator_name());
  builder_.append({name, std::move(op), std::move(op_inputs), {id}});
  return id;
}

void NodeContext::pass(std::size_t i, ir::ValueId id) {
  if (!wants(i)) return;
  const std::string& name = proto_.output(static_cast<int>(i));
  if (builder_.find(name) != ir::kNoValue) refuse("the name '{}' is given twice", name);
  builder_.alias(name, id);
}

void NodeContext::emit_constant(std::size_t i, Tensor tensor) {
  if (!wants(i)) return;
  const DType dtype = tensor.dtype();
  Shape shape = tensor.shape();
  define_output(i, dtype, std::move(shape), std::move(tensor));
}

ir::ValueId NodeContext::constant_before(Tensor tensor) {
  const DType dtype = tensor.dtype();
  Shape shape = tensor.shape();
  return builder_.define({spare_name(), dtype, std::move(shape), std::move(tensor)});
}

}  // namespace syncopate::onnx
