#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <vector>

namespace syncopate::ref {

/// A layout of oneDNN for convolution weights in which blocks of outputs lie side by side, as it
/// likes them on AVX-512. Scaling, bounding and transposing them in one pass takes a third of what
/// oneDNN's reorder takes after a pass of our own.
class OutputBlocks {
 public:
  /// Recognizes such a layout of `outs` outputs' weights, outputs first; nullopt for others and on
  /// CPUs without AVX-512.
  static std::optional<OutputBlocks> of(const dnnl::memory::desc& layout, std::int64_t outs);

  /// Writes row-major weights there, each output's times its scale (none: as they are). Returns the
  /// largest sum of magnitudes of an output, summed in float: for bounds, not for results. NaN
  /// stays.
  double pack(const float* weights, std::span<const float> scale, float* to) const;

 private:
  OutputBlocks() = default;

  std::int64_t outs_ = 0, padded_outs_ = 0;
  std::int64_t block_ = 0, block_step_ = 0;  ///< Outputs side by side; floats to the next block.
  std::vector<std::int64_t> offsets_;        ///< Per element of an output, inside a block.
};

}  // namespace syncopate::ref
