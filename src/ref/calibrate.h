#pragma once

#include <span>
#include <vector>

#include "gconv/chain.h"
#include "gconv/quantize.h"
#include "ir/graph.h"

namespace syncopate::ref {

struct Calibration {
  gconv::Ranges ranges;  ///< Per chain tensor.
  std::vector<std::vector<Tensor>>
      outputs;  ///< Float outputs per calibration input, to compare with.
};

/// Runs the float network on each set of inputs and records the largest magnitude of every chain
/// tensor; tensors that exist only in the chain (parts of softmax, LRN) are evaluated from their
/// operands. InputError when an activation becomes NaN or infinite, naming the layer.
Calibration calibrate(const ir::Graph& graph, const gconv::Chain& chain,
                      std::span<const std::vector<Tensor>> inputs);

}  // namespace syncopate::ref
