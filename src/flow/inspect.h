#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::flow {

/// What one operator is and holds.
struct NodeSummary {
  std::string name;
  std::string op;     ///< "Conv 3x3/2 g32", "Relu", ...
  std::string shape;  ///< Of the first output.
  std::int64_t macs = 0;
  std::int64_t parameters = 0;  ///< Elements of constant inputs.
  std::int64_t weights = 0;     ///< Of the weight tensor alone (Conv, Gemm, MatMul, ...).
  std::int64_t zeros = 0;       ///< Among `weights`; for quantized weights, equal to zero point 0.
  std::int64_t distinct = 0;    ///< Distinct weights; kManyDistinct means that or more.
};
inline constexpr std::int64_t kManyDistinct = 4096;

/// A network as `syncopate inspect` shows it. Totals count a shared tensor once.
struct GraphSummary {
  std::string name, source;
  bool synthetic = false;
  struct Port {
    std::string name, dtype, shape;
  };
  std::vector<Port> inputs, outputs;
  std::vector<NodeSummary> nodes;
  std::int64_t macs = 0, parameters = 0, weights = 0, zeros = 0;
};

GraphSummary summarize(const ir::Graph& graph);

}  // namespace syncopate::flow
