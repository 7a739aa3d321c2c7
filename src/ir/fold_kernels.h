#pragma once

#include <span>
#include <vector>

#include "ir/ops.h"

// What constant folding computes, on plain tensors. Shapes are those of shape inference, so they
// fit; only values can be wrong. Not for use outside src/ir/.

namespace syncopate::ir {

/// One element of `value` everywhere.
Tensor filled(const Tensor& value, const Shape& shape);
/// Elements of `source` from `offset` with the given strides (in elements, may be negative).
Tensor strided(const Tensor& source, std::int64_t offset, std::span<const std::int64_t> strides,
               const Shape& shape);
/// Parts laid one behind the other along `axis`.
Tensor joined(std::span<const Tensor> parts, std::int64_t axis, const Shape& shape);
/// Slices of `data` along `axis` by i64 indices; InputError for an index out of range.
Tensor gathered(const Tensor& data, const Tensor& indices, std::int64_t axis, const Shape& shape);
/// Another element type: floats are truncated toward zero and saturate, integers wrap.
Tensor converted(const Tensor& source, DType to, const Shape& shape);
/// With broadcasting; integers wrap. InputError for an integer division by zero.
Tensor arithmetic(BinaryKind kind, const Tensor& a, const Tensor& b, const Shape& shape);
/// QuantizeLinear: saturate(round_half_even(x / scale) + zero).
Tensor quantized(const Tensor& x, const Tensor& scale, const Tensor& zero, std::int64_t axis,
                 const Shape& shape);

}  // namespace syncopate::ir
