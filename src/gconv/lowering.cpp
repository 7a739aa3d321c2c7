#include "gconv/lowering.h"

#include <algorithm>

namespace syncopate::gconv::lowering {
namespace {

std::int64_t count_of(const Shape& shape, std::string_view name) {
  try {
    return element_count(shape);
  } catch (const InputError& problem) {
    fail("value '{}': {}", name, problem.what());
  }
}

/// All elements of a tensor.
Placed whole(const std::string& name, const TensorInfo& info) {
  Placed result{name, 0, info.shape, {}, {}};
  const std::vector<std::int64_t> strides = storage_strides(info);
  for (std::size_t i = 0; i < strides.size(); ++i) {
    result.dims.emplace_back();
    if (info.shape[i] > 1) {
      result.dims.back().push_back({info.shape[i], strides[i]});
    }
  }
  return result;
}

bool same_place(const Placed& a, const Placed& b) {
  const auto same = [](const Factor& x, const Factor& y) {
    return x.extent == y.extent && x.stride == y.stride;
  };
  return a.tensor == b.tensor && a.base == b.base && a.shape == b.shape &&
         std::equal(a.dims.begin(), a.dims.end(), b.dims.begin(), b.dims.end(),
                    [&](const auto& x, const auto& y) {
                      return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
                    });
}

}  // namespace

PostOp affine(std::vector<double> scale, std::vector<double> bias) {
  PostOp op;
  op.kind = PostOp::Kind::affine;
  op.scale = std::move(scale);
  op.bias = std::move(bias);
  return op;
}

PostOp clamp(double low, double high) {
  PostOp op;
  op.kind = PostOp::Kind::clamp;
  op.low = low;
  op.high = high;
  return op;
}

PostOp function(Function kind, double alpha, double beta, double gamma) {
  PostOp op;
  op.kind = PostOp::Kind::function;
  op.function = kind;
  op.alpha = alpha;
  op.beta = beta;
  op.gamma = gamma;
  return op;
}

Builder::Builder(const ir::Graph& graph) : graph_(graph) {
  chain_.name = graph.name;
  chain_.synthetic = graph.synthetic;
  for (const ir::Value& value : graph.values) {
    value_names_.insert(value.name);
  }
}

void Builder::begin(const ir::Node& node) {
  node_ = &node;
  operator_ = ir::name_of(node.op);
  std::string wanted = node.name;
  if (wanted.empty()) {
    const bool named = !node.outputs.empty() && node.outputs[0] != ir::kNoValue;
    wanted = named ? graph_.value(node.outputs[0]).name : std::string(operator_);
  }
  layer_ = wanted;
  for (int i = 2; !layers_.insert(layer_).second; ++i) {
    layer_ = fmt::format("{}#{}", wanted, i);
  }
}

ir::ValueId Builder::input_id(std::size_t index) const {
  return index < node_->inputs.size() ? node_->inputs[index] : ir::kNoValue;
}

const Builder::DerivedConstant* Builder::derived(ir::ValueId id) const {
  const auto found = derived_.find(id);
  return found == derived_.end() ? nullptr : &found->second;
}

bool Builder::has_input(std::size_t index) const { return input_id(index) != ir::kNoValue; }

bool Builder::is_constant(std::size_t index) const { return constant_or_null(index) != nullptr; }

const Tensor* Builder::constant_or_null(std::size_t index) const {
  const ir::ValueId id = input_id(index);
  if (id == ir::kNoValue) {
    return nullptr;
  }
  if (const DerivedConstant* constant = derived(id)) {
    return &constant->value;
  }
  const ir::Value& value = graph_.value(id);
  return value.constant ? &*value.constant : nullptr;
}

const std::string& Builder::input_name(std::size_t index) const {
  return graph_.value(input_id(index)).name;
}

bool Builder::has_output(std::size_t index) const {
  return index < node_->outputs.size() && node_->outputs[index] != ir::kNoValue;
}

bool Builder::output_is_used(std::size_t index) const {
  if (!has_output(index)) {
    return false;
  }
  const ir::ValueId id = node_->outputs[index];
  const auto reads = [&](const ir::Node& node) {
    return std::find(node.inputs.begin(), node.inputs.end(), id) != node.inputs.end();
  };
  return std::any_of(graph_.nodes.begin(), graph_.nodes.end(), reads) ||
         std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
}

const Shape& Builder::input_shape(std::size_t index) const {
  return graph_.value(input_id(index)).shape;
}

const Shape& Builder::output_shape(std::size_t index) const {
  return graph_.value(node_->outputs[index]).shape;
}

const Tensor& Builder::constant(std::size_t index, std::string_view what) const {
  const Tensor* tensor = constant_or_null(index);
  if (tensor == nullptr || tensor->dtype() != DType::f32) {
    refuse("{} must be a constant of type f32", what);
  }
  return *tensor;
}

std::vector<double> Builder::constant_values(std::size_t index, std::string_view what) const {
  const std::span<const float> values = constant(index, what).data<float>();
  return {values.begin(), values.end()};
}

Placed Builder::input(std::size_t index) {
  const ir::ValueId id = input_id(index);
  if (id == ir::kNoValue) {
    refuse("input {} is missing", index);
  }
  if (is_constant(index)) {
    const Tensor& tensor = constant(index, "an input that does not come from the network");
    return place_constant(graph_.value(id).name, tensor);
  }
  const auto found = placed_.find(id);
  if (found == placed_.end()) {
    refuse("input '{}' has no place in the chain", graph_.value(id).name);
  }
  return found->second;
}

Placed Builder::simple_input(std::size_t index) {
  Placed value = input(index);
  if (value.simple()) {
    return value;
  }
  const ir::ValueId id = input_id(index);
  const std::string& name = graph_.value(id).name;
  value = copied(value, name, "copy of " + name);
  placed_[id] = value;
  return value;
}

std::string Builder::unique_name(const std::string& wanted, bool is_value) {
  std::string name = wanted;
  for (int i = 2; chain_.tensors.contains(name) || (!is_value && value_names_.contains(name));
       ++i) {
    name = fmt::format("{}#{}", wanted, i);
    is_value = false;
  }
  return name;
}

Placed Builder::create(const std::string& name, const Shape& shape) {
  const std::string unique = unique_name(name, value_names_.contains(name));
  TensorInfo info;
  info.elements = count_of(shape, unique);
  info.shape = shape;
  info.layout = channels_last(shape.size());
  if (info.elements == 0) {
    refuse("the result '{}' has no elements", unique);
  }
  return whole(unique, chain_.tensors.emplace(unique, info).first->second);
}

Placed Builder::create_output() {
  const Placed result = create(graph_.value(node_->outputs[0]).name, output_shape());
  bind(result);
  return result;
}

Placed Builder::create_step(const std::string& suffix, const Shape& shape) {
  return create(graph_.value(node_->outputs[0]).name + "/" + suffix, shape);
}

void Builder::bind(const Placed& where, std::size_t index) {
  placed_[node_->outputs[index]] = where;
}

void Builder::bind_constant(Tensor value, std::vector<double> channel_scale, double scale) {
  derived_[node_->outputs[0]] = {std::move(value), std::move(channel_scale), scale};
}

std::string Builder::add_constant(const std::string& name, const Tensor& tensor) {
  const auto found = chain_.tensors.find(name);
  if (found != chain_.tensors.end() && found->second.constant &&
      found->second.constant->raw().data() == tensor.raw().data()) {
    return name;
  }
  const std::string unique = unique_name(name, value_names_.contains(name));
  TensorInfo info;
  info.elements = tensor.size();
  info.shape = tensor.shape();
  info.constant = tensor;
  chain_.tensors.emplace(unique, std::move(info));
  return unique;
}

Placed Builder::place_constant(const std::string& name, const Tensor& tensor) {
  const std::string unique = add_constant(name, tensor);
  return whole(unique, chain_.tensor(unique));
}

std::string Builder::add_weights(std::size_t index) {
  const ir::ValueId id = input_id(index);
  const std::string name = add_constant(graph_.value(id).name, constant(index, "the weights"));
  if (const DerivedConstant* prescribed = derived(id)) {
    chain_.tensor(name).channel_scale = prescribed->channel_scale;
    chain_.tensor(name).scale = prescribed->scale;
  }
  return name;
}

GConv& Builder::add(const std::string& part) {
  const std::string wanted = part.empty() ? layer_ : layer_ + "/" + part;
  GConv gconv;
  gconv.name = wanted;
  gconv.layer = layer_;
  for (int i = 2; !gconv_names_.insert(gconv.name).second; ++i) {
    gconv.name = fmt::format("{}#{}", wanted, i);
  }
  chain_.gconvs.push_back(std::move(gconv));
  return chain_.gconvs.back();
}

GConv& Builder::add_pointwise(const std::string& part, const Placed& from, const Placed& to,
                              std::vector<PostOp> post, std::size_t channel) {
  GConv& gconv = add(part);
  const std::vector<std::string> names = dim_names(to.shape.size());
  gconv.input = {from.tensor, from.base, {}};
  gconv.output = {to.tensor, to.base, {}};
  for (std::size_t i = 0; i < to.shape.size(); ++i) {
    Dim dim;
    dim.name = names[i];
    dim.nopc = dim.nips = to.shape[i];
    gconv.dims.push_back(dim);
    gconv.input.strides.push_back(from.stride(i));
    gconv.output.strides.push_back(to.stride(i));
  }
  for (const PostOp& op : post) {
    if (op.kind == PostOp::Kind::affine && (op.scale.size() > 1 || op.bias.size() > 1)) {
      gconv.channel = names[channel];
    }
  }
  gconv.post = std::move(post);
  return gconv;
}

GConv& Builder::add_elementwise(const std::string& part, Main main, const Placed& from,
                                const Placed& other, const Placed& to) {
  GConv& gconv = add(part);
  const std::size_t rank = to.shape.size();
  const std::vector<std::string> names = dim_names(rank);
  const Placed a = with_rank(from, rank), b = with_rank(other, rank);
  gconv.main = main;
  gconv.input = {a.tensor, a.base, {}};
  gconv.kernel = View{b.tensor, b.base, {}};
  gconv.output = {to.tensor, to.base, {}};
  for (std::size_t i = 0; i < rank; ++i) {
    Dim dim;
    dim.name = names[i];
    const std::int64_t extent = to.shape[i];
    if (a.shape[i] == 1) {
      dim.nop = extent;  // one input for many kernel elements
    } else if (b.shape[i] == 1) {
      dim.nopc = dim.nips = extent;  // one kernel element for many inputs
    } else {
      dim.ng = extent;
    }
    gconv.dims.push_back(dim);
    gconv.input.strides.push_back(a.stride(i));
    gconv.kernel->strides.push_back(b.stride(i));
    gconv.output.strides.push_back(to.stride(i));
  }
  return gconv;
}

void Builder::copy_into(const Placed& value, const Placed& to, const std::string& part) {
  GConv& gconv = add(part);
  const std::vector<std::string> names = dim_names(value.shape.size());
  gconv.input = {value.tensor, value.base, {}};
  gconv.output = {to.tensor, to.base, {}};
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    std::vector<Factor> factors = value.dims[i];
    if (factors.empty()) {
      factors.push_back({1, 0});
    }
    std::int64_t inner = value.shape[i];
    for (std::size_t k = 0; k < factors.size(); ++k) {
      Dim dim;
      dim.name = k == 0 ? names[i] : fmt::format("{}{}", names[i], k);
      dim.nopc = dim.nips = factors[k].extent;
      inner /= factors[k].extent;
      gconv.dims.push_back(dim);
      gconv.input.strides.push_back(factors[k].stride);
      gconv.output.strides.push_back(to.stride(i) * inner);
    }
  }
}

Placed Builder::copied_row_major(const Placed& value) {
  const std::int64_t elements = element_count(value.shape);
  const std::optional<Placed> result =
      reshaped(create_step("flat", {elements}), value.shape);  // one factor splits into any shape
  copy_into(value, *result, "flat");
  return *result;
}

Placed Builder::copied(const Placed& value, const std::string& name, const std::string& part) {
  Placed to = create(name, value.shape);
  copy_into(value, to, part);
  to.quantized = value.quantized;
  return to;
}

void Builder::add_inputs() {
  for (const ir::ValueId id : graph_.inputs) {
    const ir::Value& value = graph_.value(id);
    if (value.dtype != DType::f32) {
      fail("input '{}' has type {}; supported is f32", value.name, name_of(value.dtype));
    }
    layer_ = value.name;
    operator_ = "input";
    placed_[id] = create(value.name, value.shape);
    chain_.inputs.push_back(placed_[id].tensor);
  }
}

void Builder::add_outputs() {
  for (const ir::ValueId id : graph_.outputs) {
    const ir::Value& value = graph_.value(id);
    const auto found = placed_.find(id);
    layer_ = value.name;
    operator_ = "output";
    if (found == placed_.end() || found->second.quantized) {
      fail("output '{}' is {}; supported are outputs of type f32 that depend on an input",
           value.name, found == placed_.end() ? "constant" : "quantized");
    }
    const auto tensor = chain_.tensors.find(value.name);
    const bool own =
        tensor != chain_.tensors.end() &&
        same_place(found->second, whole(value.name, tensor->second)) &&
        std::find(graph_.inputs.begin(), graph_.inputs.end(), id) == graph_.inputs.end();
    chain_.outputs.push_back(own ? value.name : copied(found->second, value.name, "output").tensor);
  }
}

}  // namespace syncopate::gconv::lowering
