#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::prune {

/// A weight tensor seen as [group][output][input][height][width], whatever its storage order.
/// Extents are per group. 1-D kernels have height 1; those of 3-D fold their first two dimensions.
struct Weights {
  ir::ValueId value = ir::kNoValue;
  std::int64_t groups = 1, outputs = 1, inputs = 1, height = 1, width = 1;
  std::int64_t group_stride = 0, output_stride = 0, input_stride = 0, width_stride = 0;
  bool fully_connected = false;

  std::int64_t kernel() const { return height * width; }
  std::int64_t size() const { return groups * outputs * inputs * kernel(); }
  /// Place in the tensor's storage.
  std::int64_t address(std::int64_t g, std::int64_t o, std::int64_t i, std::int64_t y,
                       std::int64_t x) const {
    return g * group_stride + o * output_stride + i * input_stride + (y * width + x) * width_stride;
  }
};

/// A node and the weights it computes with.
struct Layer {
  std::string node;   ///< Name of the node.
  std::string op;     ///< "Conv", "Gemm", "MatMul".
  std::string value;  ///< Name of the weights: the key of masks.
  Weights weights;
};

/// The layers whose weights can be pruned, in order: Conv (any number of dimensions), Gemm and
/// MatMul with constant float weights. Depthwise convolutions are not among them: their outputs
/// share no inputs. Weights that several nodes share are listed once, under the first.
std::vector<Layer> prunable_layers(const ir::Graph& graph);

}  // namespace syncopate::prune
