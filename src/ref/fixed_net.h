#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::ref {

/// Runs a quantized chain exactly as DESIGN section 4 defines, fast: convolutions as int8 oneDNN
/// convolutions of digit planes, everything else in plain loops. Agrees with `interpret` bit for
/// bit.
class FixedNet {
 public:
  /// Packs weights once. The chain must outlive the net.
  explicit FixedNet(const gconv::Chain& chain);
  ~FixedNet();
  FixedNet(FixedNet&&) noexcept;

  using Reader = std::function<const Tensor&(const std::string& tensor)>;
  /// Called after each GCONV, in order, while its operands are still held: simulators hook in here.
  /// `index` is the GCONV's position in the chain.
  using Visitor = std::function<void(std::size_t index, const Reader& read)>;

  /// Float inputs (IR layout, row-major) in the order of Chain::inputs are quantized to the chain's
  /// scales. Returns the outputs as integers in the chain's types, reshaped to their logical shapes
  /// in row-major order. Tensors are freed after their last reader.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const Visitor& visit = {}) const;
  /// Outputs as real numbers.
  std::vector<Tensor> dequantize(std::span<const Tensor> outputs) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncopate::ref
