#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "ir/graph.h"
#include "train/parameters.h"

namespace syncopate::train {

/// A constant on the training device.
struct Variable {
  std::string name;    ///< Of the constant in the module's graph.
  std::string origin;  ///< Of the constant it was copied from, where equal ones were stored once.
  ir::ValueId value = ir::kNoValue;
  Role role = Role::weight;  ///< Of parameters.
  torch::Tensor tensor;      ///< Parameters are leaves that require a gradient.
};

/// How a module computes.
struct ModuleOptions {
  torch::Device device = torch::kCPU;
  torch::ScalarType storage = torch::kFloat;  ///< Of parameters; kDouble checks gradients.
  /// Of convolutions and matrix products: kFloat, or kBFloat16 for about twice the speed where
  /// the processor multiplies it; parameters, their gradients and statistics stay in `storage`.
  torch::ScalarType compute = torch::kFloat;
};

/// A tensor of the training device as one of f32.
Tensor to_host(const torch::Tensor& tensor);

/// Overwrites a tensor of the training device with one of f32, of the same shape.
void from_host(const Tensor& source, torch::Tensor target);

/// A network as a differentiable function of its inputs and constants. Keeps every layer as it is
/// in the graph: batch normalization is not folded into its convolution.
class Module {
 public:
  /// Shapes must be inferred. InputError naming the node for an operator that cannot be trained.
  Module(const ir::Graph& graph, const ModuleOptions& options);

  /// All outputs. In training, batch normalization uses the batch's statistics and moves the
  /// running ones towards them by `momentum`. Inputs may hold any number of pictures unless
  /// batch_obstacle names one; that is then an InputError.
  std::vector<torch::Tensor> forward(const std::vector<torch::Tensor>& inputs, bool training,
                                     double momentum = 0.1);

  /// The first output of a network with one input, in `storage`: what a final softmax is given,
  /// where the network ends in one, as [pictures, classes].
  torch::Tensor logits(const torch::Tensor& input, bool training, double momentum = 0.1);

  /// Any values of the graph, in inference.
  std::vector<torch::Tensor> values(const torch::Tensor& input,
                                    const std::vector<ir::ValueId>& wanted) {
    return run_until({input}, wanted, false, 0);
  }

  std::vector<Variable>& parameters() { return parameters_; }
  const std::vector<Variable>& parameters() const { return parameters_; }
  /// Running means and variances.
  std::vector<Variable>& statistics() { return statistics_; }

  /// The parameter or statistic of that name; InputError when there is none.
  Variable& find(const std::string& name);
  /// See ModuleOptions.
  torch::ScalarType compute() const { return options_.compute; }
  void set_compute(torch::ScalarType type) { options_.compute = type; }

  /// Takes parameters and statistics from a graph with constants of the same names and shapes.
  /// InputError for one that is missing or has another shape.
  void load(const ir::Graph& graph);
  /// The graph with the present parameters and statistics.
  ir::Graph graph() const;

 private:
  Variable variable(ir::ValueId value, Role role, bool trained);
  void load(Variable& variable, const ir::Graph& graph);
  void find_last_uses();
  void find_rectified();
  std::vector<torch::Tensor> run_until(const std::vector<torch::Tensor>& inputs,
                                       const std::vector<ir::ValueId>& wanted, bool training,
                                       double momentum);
  torch::Tensor to_device(const Tensor& tensor) const;

  ir::Graph graph_;
  ModuleOptions options_;
  std::string obstacle_;                  ///< See batch_obstacle.
  std::vector<torch::Tensor> constants_;  ///< By value; undefined for activations.
  std::vector<Variable> parameters_, statistics_;
  std::vector<std::vector<ir::ValueId>> last_used_;  ///< By node: values dead behind it.
  /// By node: batch normalizations that one rectifier alone reads, and those rectifiers.
  std::vector<bool> rectified_;
  ir::ValueId logits_ = ir::kNoValue;
};

}  // namespace syncopate::train
