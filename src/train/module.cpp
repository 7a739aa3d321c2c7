#include "train/module.h"

#include <algorithm>
#include <cstring>

#include "train/operators.h"

namespace syncopate::train {
namespace {

torch::ScalarType torch_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return torch::kFloat;
    case DType::i8:
      return torch::kChar;
    case DType::u8:
      return torch::kByte;
    case DType::i16:
      return torch::kShort;
    case DType::i32:
      return torch::kInt;
    case DType::i64:
      return torch::kLong;
    case DType::boolean:
      return torch::kBool;
    case DType::u16:
    case DType::u32:
      break;
  }
  fail("constants of the type {} cannot be trained with", name_of(dtype));
}

/// The value whose softmax `output` is, or `output`.
ir::ValueId before_softmax(const ir::Graph& graph, ir::ValueId output) {
  for (const ir::Node& node : graph.nodes) {
    if (std::ranges::find(node.outputs, output) == node.outputs.end()) continue;
    const auto* softmax = std::get_if<ir::Softmax>(&node.op);
    if (softmax == nullptr) return output;
    const auto rank = static_cast<std::int64_t>(graph.value(output).shape.size());
    const std::int64_t axis = softmax->axis < 0 ? softmax->axis + rank : softmax->axis;
    // Only a softmax over all scores of a picture.
    return axis == 1 && (rank == 2 || softmax->flatten) ? node.inputs[0] : output;
  }
  return output;
}

}  // namespace

Module::Module(const ir::Graph& graph, const ModuleOptions& options) : options_(options) {
  std::map<std::string, std::string> origins;
  graph_ = unshared(graph, &origins);
  obstacle_ = batch_obstacle(graph_);
  if (graph_.outputs.empty()) fail("{}: the network has no output", graph_.source);
  const Trainable found = trainable(graph_);
  constants_.resize(graph_.values.size());
  for (const Parameter& p : found.parameters) {
    parameters_.push_back(variable(p.value, p.role, true));
  }
  for (const Statistic& s : found.statistics) {
    statistics_.push_back(variable(s.value, Role::norm_bias, false));
  }
  for (std::size_t i = 0; i < graph_.values.size(); ++i) {
    const ir::Value& value = graph_.values[i];
    if (value.constant && !constants_[i].defined()) constants_[i] = to_device(*value.constant);
  }
  for (std::vector<Variable>* variables : {&parameters_, &statistics_}) {
    for (Variable& v : *variables) {
      const auto origin = origins.find(v.name);
      if (origin != origins.end()) v.origin = origin->second;
    }
  }
  logits_ = before_softmax(graph_, graph_.outputs[0]);
  find_last_uses();
  find_rectified();
}

Variable Module::variable(ir::ValueId value, Role role, bool trained) {
  const ir::Value& source = graph_.value(value);
  Variable result{source.name, "", value, role, to_device(*source.constant)};
  result.tensor.set_requires_grad(trained);
  constants_[static_cast<std::size_t>(value)] = result.tensor;
  return result;
}

Tensor to_host(const torch::Tensor& tensor) {
  const torch::Tensor host = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  Tensor result =
      Tensor::uninitialized(DType::f32, Shape(host.sizes().begin(), host.sizes().end()));
  std::memcpy(result.mutable_raw().data(), host.data_ptr(), result.bytes());
  return result;
}

void from_host(const Tensor& source, torch::Tensor target) {
  const torch::NoGradGuard guard;
  torch::Tensor host = torch::empty(source.shape(), torch::kFloat);
  std::memcpy(host.data_ptr(), source.raw().data(), source.bytes());
  target.copy_(host);
}

torch::Tensor Module::to_device(const Tensor& tensor) const {
  torch::Tensor result = torch::empty(tensor.shape(), torch_type(tensor.dtype()));
  std::memcpy(result.data_ptr(), tensor.raw().data(), tensor.bytes());
  if (tensor.dtype() == DType::f32) result = result.to(options_.storage);
  return result.to(options_.device);
}

void Module::find_last_uses() {
  std::vector<std::size_t> last(graph_.values.size(), 0);
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    for (const ir::ValueId id : graph_.nodes[n].inputs) {
      if (id != ir::kNoValue) last[static_cast<std::size_t>(id)] = n;
    }
    for (const ir::ValueId id : graph_.nodes[n].outputs) {
      if (id != ir::kNoValue) last[static_cast<std::size_t>(id)] = n;
    }
  }
  last_used_.resize(graph_.nodes.size());
  for (std::size_t i = 0; i < last.size() && !last_used_.empty(); ++i) {
    if (!graph_.values[i].constant) last_used_[last[i]].push_back(static_cast<ir::ValueId>(i));
  }
}

void Module::find_rectified() {
  std::vector<std::vector<std::size_t>> readers(graph_.values.size());
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    for (const ir::ValueId id : graph_.nodes[n].inputs) {
      if (id != ir::kNoValue) readers[static_cast<std::size_t>(id)].push_back(n);
    }
  }
  for (const ir::ValueId id : graph_.outputs) readers[static_cast<std::size_t>(id)].clear();
  rectified_.assign(graph_.nodes.size(), false);
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const ir::Node& node = graph_.nodes[n];
    if (!std::holds_alternative<ir::BatchNormalization>(node.op)) continue;
    const std::vector<std::size_t>& all = readers[static_cast<std::size_t>(node.outputs[0])];
    if (all.size() != 1) continue;
    const auto* unary = std::get_if<ir::Unary>(&graph_.nodes[all[0]].op);
    if (unary == nullptr || unary->kind != ir::UnaryKind::relu) continue;
    rectified_[n] = rectified_[all[0]] = true;
  }
}

std::vector<torch::Tensor> Module::run_until(const std::vector<torch::Tensor>& inputs,
                                             const std::vector<ir::ValueId>& wanted, bool training,
                                             double momentum) {
  if (inputs.size() != graph_.inputs.size()) {
    fail("{}: {} inputs given, the network has {}", graph_.source, inputs.size(),
         graph_.inputs.size());
  }
  std::vector<torch::Tensor> values = constants_;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& declared = graph_.value(graph_.inputs[i]).shape;
    Shape given(inputs[i].sizes().begin(), inputs[i].sizes().end());
    if (!given.empty() && !declared.empty() && given[0] != declared[0]) {
      if (!obstacle_.empty()) fail("{}: cannot train in batches: {}", graph_.source, obstacle_);
      given[0] = declared[0];
    }
    if (given != declared) {
      fail("{}: input '{}' is {}, given was {}", graph_.source, graph_.value(graph_.inputs[i]).name,
           to_string(declared),
           to_string(Shape(inputs[i].sizes().begin(), inputs[i].sizes().end())));
    }
    values[static_cast<std::size_t>(graph_.inputs[i])] = inputs[i];
  }
  for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
    const ir::Node& node = graph_.nodes[n];
    Call call{graph_, node, {}, training, momentum, options_.compute};
    for (const ir::ValueId id : node.inputs) {
      call.in.push_back(id == ir::kNoValue ? torch::Tensor()
                                           : values[static_cast<std::size_t>(id)]);
    }
    // A rectifier behind a normalization trains as one with it.
    call.rectify = training && rectified_[n];
    const bool done = call.rectify && std::holds_alternative<ir::Unary>(node.op);
    const std::vector<torch::Tensor> outputs =
        done ? std::vector<torch::Tensor>{call.in[0]} : execute(call);
    for (std::size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i) {
      if (node.outputs[i] != ir::kNoValue) {
        values[static_cast<std::size_t>(node.outputs[i])] = outputs[i];
      }
    }
    for (const ir::ValueId dead : last_used_[n]) {
      if (std::ranges::find(wanted, dead) == wanted.end()) {
        values[static_cast<std::size_t>(dead)] = torch::Tensor();
      }
    }
  }
  std::vector<torch::Tensor> results;
  for (const ir::ValueId id : wanted) results.push_back(values[static_cast<std::size_t>(id)]);
  return results;
}

std::vector<torch::Tensor> Module::forward(const std::vector<torch::Tensor>& inputs, bool training,
                                           double momentum) {
  return run_until(inputs, graph_.outputs, training, momentum);
}

torch::Tensor Module::logits(const torch::Tensor& input, bool training, double momentum) {
  const torch::Tensor x =
      input.dim() == 4 ? input.contiguous(torch::MemoryFormat::ChannelsLast) : input;
  const torch::Tensor y = run_until({x}, {logits_}, training, momentum)[0];
  return y.to(options_.storage).flatten(1);
}

Variable& Module::find(const std::string& name) {
  for (std::vector<Variable>* variables : {&parameters_, &statistics_}) {
    for (Variable& variable : *variables) {
      if (variable.name == name) return variable;
    }
  }
  fail("{}: training has no constant '{}'", graph_.source, name);
}

void Module::load(Variable& variable, const ir::Graph& graph) {
  for (const std::string& name : {variable.name, variable.origin}) {
    for (const ir::Value& value : graph.values) {
      if (value.name != name || !value.constant || value.dtype != DType::f32) continue;
      const Shape shape(variable.tensor.sizes().begin(), variable.tensor.sizes().end());
      if (value.constant->shape() != shape) {
        fail("{}: '{}' is {}; the network in training has {}", graph.source, name,
             to_string(value.constant->shape()), to_string(shape));
      }
      const torch::NoGradGuard no_gradient;
      variable.tensor.copy_(to_device(*value.constant));
      return;
    }
  }
  fail("{}: has no constant '{}', which the network in training has", graph.source, variable.name);
}

void Module::load(const ir::Graph& graph) {
  for (Variable& parameter : parameters_) load(parameter, graph);
  for (Variable& statistic : statistics_) load(statistic, graph);
}

ir::Graph Module::graph() const {
  ir::Graph result = graph_;
  for (const std::vector<Variable>* variables : {&parameters_, &statistics_}) {
    for (const Variable& variable : *variables) {
      result.value(variable.value).constant = to_host(variable.tensor);
    }
  }
  return result;
}

}  // namespace syncopate::train
