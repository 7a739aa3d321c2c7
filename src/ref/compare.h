#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "gconv/chain.h"
#include "ir/graph.h"

namespace syncopate::ref {

/// How far fixed point lies from float.
struct Error {
  double max_abs = 0;    ///< Largest |fixed - float|.
  double rms = 0;        ///< Root of the mean of its square.
  double relative = 0;   ///< rms over the root mean square of the float values; 0 if all are 0.
  double snr_db = 0;     ///< -20 log10(relative); infinite when nothing differs.
  double reference = 0;  ///< Largest |float|.
};

/// Errors of real numbers against a float tensor with as many elements.
Error error_of(const Tensor& real, const Tensor& reference);

/// One value of the network, as the chain computed it.
struct LayerError {
  std::string layer;  ///< Layer that makes it.
  std::string value;  ///< IR value and chain tensor of that name.
  Error error;
};

/// Runs one input in float and through the quantized chain (which keeps the chain's own rounding
/// errors from layer to layer) and compares every network value that both materialize, in execution
/// order. For reports: it costs an unfused float inference.
std::vector<LayerError> compare_layers(const ir::Graph& graph, const gconv::Chain& quantized,
                                       std::span<const Tensor> inputs);

/// Whether classifiers agree: outputs are [batch, classes].
struct Agreement {
  std::int64_t rows = 0;  ///< Pictures compared.
  std::int64_t top1 = 0;  ///< Rows with the same first class.
  std::int64_t top5 = 0;  ///< Rows where float's first class is among fixed point's first five.
};
/// Compares two outputs with rows in the first dimension.
Agreement agreement_of(const Tensor& real, const Tensor& reference);

}  // namespace syncopate::ref
