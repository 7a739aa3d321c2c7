#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gconv/chain.h"
#include "ref/dot_tile.h"
#include "ref/runs.h"

namespace syncopate::ref {

/// Memory that steps use while they run; kept between runs, since touching fresh pages costs more
/// than filling them.
class StepScratch {
 public:
  /// At least `elements` values, contents undefined.
  std::int16_t* reserve(std::size_t elements) {
    return grown(activations_, static_cast<std::int64_t>(elements));
  }
  /// Likewise, elsewhere, for packed weights.
  std::int16_t* reserve_weights(std::int64_t elements) { return grown(weights_, elements); }

 private:
  static std::int16_t* grown(Tensor& buffer, std::int64_t elements) {
    if (buffer.size() < elements || buffer.dtype() != DType::i16) {
      buffer = Tensor::uninitialized(DType::i16, {elements});
    }
    return buffer.mutable_data<std::int16_t>().data();
  }

  Tensor activations_, weights_;
};

struct StepOperands {
  const Tensor& input;
  const Tensor* kernel;  ///< Null when the GCONV has none.
  Tensor& output;
  StepScratch& scratch;
};

/// One GCONV of a quantized chain, made ready to run. Repeatable; parallel inside.
class FixedStep {
 public:
  virtual ~FixedStep() = default;
  virtual void run(const StepOperands& operands) const = 0;
};

/// Whether a GCONV adds up products of narrow activations and narrow constant weights.
bool constant_products(const gconv::Chain& chain, const gconv::GConv& gconv);

struct ConvOptions {
  Runs runs = Runs::often;
  const TileKernel* kernel = &tile_kernels().front();
};
/// Convolution with constant weights on the tile kernels; null when the GCONV is something else.
/// The chain must outlive the step.
std::unique_ptr<FixedStep> make_conv_step(const gconv::Chain& chain, const gconv::GConv& gconv,
                                          const ConvOptions& options = {});
/// Fully connected layers of small batches, read straight from the chain's weights; or null.
std::unique_ptr<FixedStep> make_dense_step(const gconv::Chain& chain, const gconv::GConv& gconv);
/// Anything else over i8, i16 and i64 tensors, a row of outputs at a time; or null.
std::unique_ptr<FixedStep> make_row_step(const gconv::Chain& chain, const gconv::GConv& gconv);
/// Any GCONV, one element at a time.
std::unique_ptr<FixedStep> make_element_step(const gconv::GConv& gconv);

/// Whether a tensor has one of the types that the fast steps compute with.
inline bool plain_integer(DType dtype) {
  return dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i64;
}

}  // namespace syncopate::ref
