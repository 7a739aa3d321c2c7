#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gconv/chain.h"
#include "ref/runs.h"

namespace syncopate::ref {

/// Runs a quantized chain exactly as its definition says, fast: convolutions in register tiles over
/// the digits of activations (docs/rationale/numbers.md), fully connected layers straight from the
/// chain's weights, everything else a row of outputs at a time. Agrees with `interpret` bit for bit
/// on every CPU.
class FixedNet {
 public:
  /// The chain must outlive the net; InternalError when it is not quantized.
  explicit FixedNet(const gconv::Chain& chain, Runs runs = Runs::often);
  ~FixedNet();
  FixedNet(FixedNet&&) noexcept;

  using Reader = std::function<const Tensor&(const std::string& tensor)>;
  /// Called after each GCONV, in order, while its operands are still held: simulators hook in here.
  /// `index` is the GCONV's position in the chain. The reader gives constants as well, and throws
  /// InternalError for a tensor that is not held at this point.
  using Visitor = std::function<void(std::size_t index, const Reader& read)>;

  /// Float inputs (IR layout, row-major) in the order of Chain::inputs are quantized to the chain's
  /// scales. Returns the outputs as integers in the chain's types, reshaped to their logical shapes
  /// in row-major order. Tensors are freed after their last reader. Concurrent runs take turns.
  /// InputError when inputs do not fit the network in number, size or type, or hold NaN.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Visitor& visit = {}) const;
  /// Outputs as real numbers.
  std::vector<Tensor> dequantize(std::span<const Tensor> outputs) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncopate::ref
