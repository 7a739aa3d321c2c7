#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "ir/graph.h"

namespace syncopate::testing {

/// What random networks are made of.
struct RandomNetworkOptions {
  int layers = 5;         ///< Operators drawn; some add helpers (a flatten before a Gemm).
  bool functions = true;  ///< Sigmoid, softmax, LRN and the like, whose fixed point is a table.
  bool quantize_nodes = true;  ///< QuantizeLinear / DequantizeLinear pairs.
};

/// A small random network with one f32 input of 3 to 5 dimensions and one or two outputs: every
/// operator that the chain supports, with odd sizes, strides, groups, paddings and batches. The
/// same seed gives the same network. Shapes are inferred.
ir::Graph random_network(std::uint64_t seed, const RandomNetworkOptions& options = {});

/// Normally distributed values for every input of a graph.
inline std::vector<Tensor> random_inputs(const ir::Graph& graph, std::uint64_t seed) {
  Random random(seed ^ 0x5eed);
  std::vector<Tensor> inputs;
  for (const ir::ValueId id : graph.inputs) {
    Tensor tensor(DType::f32, graph.value(id).shape);
    for (float& value : tensor.mutable_data<float>()) {
      value = static_cast<float>(random.normal());
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace syncopate::testing
