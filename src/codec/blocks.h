#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/tensor.h"

// Tensors as kernels, and blocks of outputs that share an index.

namespace syncopate::codec {

/// How a tensor is walked: `outputs` by `inputs` kernels of height x width, the kernels contiguous.
struct KernelView {
  std::int64_t outputs = 1, inputs = 1, height = 1, width = 1;
  std::int64_t output_stride = 0, input_stride = 0;

  std::int64_t kernel() const { return height * width; }
  std::int64_t size() const { return outputs * inputs * kernel(); }
};
/// The first dimension as outputs, the second as inputs, the others as the kernel; `transposed`:
/// the other way around. Vectors have one output.
KernelView view_of(const Shape& shape, bool transposed);

/// Runs of consecutive outputs that are zero or not as one, at each position of the kernels.
struct BlockShape {
  int outputs = 1;  ///< 1: no blocks.
  bool transposed = false;
};
/// The block shape (1, 2, 4 ... 64 outputs, along either dimension) under which an ideal zero-order
/// coder of the zeros is shortest.
BlockShape detect_blocks(std::span<const std::int32_t> values, const Shape& shape);

/// Calls `visit(first element, elements)` for every block: output blocks outermost, kernel
/// positions innermost. Elements of a block are output_stride apart.
template <class Visit>
void for_each_block(const KernelView& view, int outputs, Visit visit) {
  for (std::int64_t first = 0; first < view.outputs; first += outputs) {
    const std::int64_t count = std::min<std::int64_t>(outputs, view.outputs - first);
    for (std::int64_t c = 0; c < view.inputs; ++c) {
      for (std::int64_t k = 0; k < view.kernel(); ++k) {
        visit(first * view.output_stride + c * view.input_stride + k, count);
      }
    }
  }
}
std::int64_t block_count(const KernelView& view, int outputs);

/// A tensor split into which blocks hold anything, and the values of those.
struct BlockParts {
  std::vector<std::uint8_t> alive;
  std::vector<std::int32_t> values;
};
BlockParts split_blocks(std::span<const std::int32_t> values, const KernelView& view, int outputs);
/// Values that join_blocks needs for these flags.
std::int64_t alive_values(std::span<const std::uint8_t> alive, const KernelView& view, int outputs);
/// Inverse of split_blocks.
void join_blocks(std::span<const std::uint8_t> alive, std::span<const std::int32_t> kept,
                 const KernelView& view, int outputs, std::span<std::int32_t> values);

}  // namespace syncopate::codec
