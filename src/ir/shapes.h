#pragma once

#include <vector>

#include "ir/ops.h"

// Shape arithmetic that inference, constant folding and executors share. Every function throws an
// InputError that says what does not fit, without the node's name: callers add it.

namespace syncopate::ir {

/// `axis` counted from the front; InputError unless -rank <= axis < rank.
std::int64_t normalize_axis(std::int64_t axis, std::size_t rank);

/// `axes` counted from the front, in the order given; InputError for one that is out of range or
/// listed twice.
Ints normalize_axes(const Ints& axes, std::size_t rank);

/// The common shape of two operands under numpy broadcasting.
Shape broadcast_shapes(const Shape& a, const Shape& b);

/// The shape `op` gives to an input of shape `input`: zeros and the -1 filled in.
Shape resolve_reshape(const Reshape& op, const Shape& input);

/// One dimension of a slice after negative indices and clamping are resolved: elements begin,
/// begin + step, ..., `extent` of them.
struct SliceRange {
  std::int64_t begin = 0;
  std::int64_t step = 1;
  std::int64_t extent = 0;
};
/// One range for every dimension of `input`.
std::vector<SliceRange> resolve_slice(const Slice& op, const Shape& input);

/// Largest value of a kernel extent, stride, dilation or padding.
inline constexpr std::int64_t kMaxWindow = std::int64_t{1} << 20;

/// InputError unless `window` has `spatial` (1 to 3) entries in every list, all in range.
void check_window(const Window& window, std::size_t spatial);

/// Output extent of one dimension of a sliding window: floor((in + pads - span) / stride) + 1. With
/// `ceil_mode` it rounds up, and a window that would start behind the input and its leading padding
/// is dropped (as in ONNX since 1.16, ONNX Runtime and PyTorch). InputError when the window is
/// wider than the padded input.
std::int64_t window_extent(const Window& window, std::size_t dimension, std::int64_t input,
                           bool ceil_mode = false);

}  // namespace syncopate::ir
