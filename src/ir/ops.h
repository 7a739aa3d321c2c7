#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/tensor.h"

// The operators of a network, with the semantics of ONNX (the newest opset that Syncopate reads,
// 18). Older opsets are translated into these at import. What ONNX passes as optional *inputs* that
// must be constants (Reshape's shape, Clip's bounds, Pad's pads, axes, ...) is held here as plain
// attributes.

namespace syncopate::ir {

using Ints = std::vector<std::int64_t>;

/// Geometry shared by convolutions and pooling: one entry per spatial dimension (1 to 3 of them).
struct Window {
  Ints kernel;
  Ints strides;
  Ints dilations;
  Ints pads_begin;  ///< Automatic padding is resolved at import.
  Ints pads_end;
};

/// Inputs: X [N,C,spatial], W [M,C/group,kernel], optional B [M].
struct Conv {
  Window window;
  std::int64_t group = 1;
};
/// Inputs: X [N,C,spatial], W [C,M/group,kernel], optional B [M].
struct ConvTranspose {
  Window window;
  std::int64_t group = 1;
  Ints output_padding;
};
/// alpha * A' * B' + beta * C, with A [M,K] and B [K,N] after the transpositions.
struct Gemm {
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
};
struct MatMul {};
/// Inputs: X, scale, bias, mean, variance (inference form).
struct BatchNormalization {
  float epsilon = 1e-5F;
};

/// Elementwise functions of one input.
enum class UnaryKind : std::uint8_t {
  relu,
  leaky_relu,
  clip,
  sigmoid,
  tanh,
  hard_sigmoid,
  hard_swish,
  identity
};
struct Unary {
  UnaryKind kind = UnaryKind::relu;
  float alpha = 0;  ///< leaky_relu slope; hard_sigmoid alpha; clip minimum (may be -inf).
  float beta = 0;   ///< hard_sigmoid beta; clip maximum (may be +inf).
};
/// Inputs: X, slope (broadcast to X).
struct PRelu {};

enum class BinaryKind : std::uint8_t { add, sub, mul, div };
/// Two inputs with numpy broadcasting. ONNX Sum becomes a chain of these.
struct Binary {
  BinaryKind kind = BinaryKind::add;
};

enum class PoolKind : std::uint8_t { max, average };
struct Pool {
  PoolKind kind = PoolKind::max;
  Window window;
  bool count_include_pad = false;  ///< Average only: padding counts in the divisor.
  bool ceil_mode = false;
  bool column_major_indices = false;  ///< Max only: ONNX storage_order, for the second output.
};
/// Over all spatial dimensions.
struct GlobalPool {
  PoolKind kind = PoolKind::average;
};
struct Lrn {
  std::int64_t size = 1;
  float alpha = 1e-4F, beta = 0.75F, bias = 1;
};
/// Along one axis (opset 13 semantics); with `flatten`, over all dimensions from `axis` on (older).
struct Softmax {
  std::int64_t axis = -1;
  bool flatten = false;
  bool operator==(const Softmax&) const = default;
};
struct Concat {
  std::int64_t axis = 0;
};
struct Flatten {
  std::int64_t axis = 1;
};
/// To a shape that is known after shape inference; Squeeze and Unsqueeze become this too.
struct Reshape {
  Ints shape;  ///< May hold one -1 and, unless allow_zero, zeros that copy the input's extent.
  bool allow_zero = false;
};
struct Transpose {
  Ints perm;
};
enum class PadMode : std::uint8_t { constant, reflect, edge };
struct Pad {
  PadMode mode = PadMode::constant;
  Ints before, after;  ///< One entry per dimension; negative ones crop.
  float value = 0;
};
/// One entry per listed axis, ONNX semantics (negative indices, clamping, negative steps).
struct Slice {
  Ints starts, ends, axes, steps;
};
/// Sizes along `axis`, one per output.
struct Split {
  std::int64_t axis = 0;
  Ints sizes;
};
enum class CoordinateMode : std::uint8_t {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_crop_and_resize
};
enum class NearestMode : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };
/// Nearest-neighbour resizing to `sizes` (all dimensions); `scales` are those ONNX computes with.
struct Resize {
  Ints sizes;
  std::vector<float> scales;
  CoordinateMode coordinates = CoordinateMode::half_pixel;
  NearestMode nearest = NearestMode::round_prefer_floor;
  std::vector<float> roi = {};  ///< tf_crop_and_resize only: starts, then ends.
  float extrapolation_value = 0;
};
struct ReduceMean {
  Ints axes;
  bool keep_dims = true;
};
/// Output = saturate(round_half_even(X / scale) + zero_point). Inputs: X, scale, optional zero
/// point.
struct QuantizeLinear {
  std::int64_t axis = 1;
};
/// Output = (X - zero_point) * scale. Inputs: X, scale, optional zero point.
struct DequantizeLinear {
  std::int64_t axis = 1;
};
/// ONNX inputs: x, x_scale, x_zp, w, w_scale, w_zp, y_scale, y_zp, optional bias (i32).
struct QLinearConv {
  Window window;
  std::int64_t group = 1;
};
/// ONNX inputs: a, a_scale, a_zp, b, b_scale, b_zp, y_scale, y_zp.
struct QLinearMatMul {};
struct Cast {
  DType to = DType::f32;
};
/// Inputs: data, indices.
struct Gather {
  std::int64_t axis = 0;
};
/// The input's shape as i64; folds.
struct ShapeOf {
  std::int64_t start = 0;
  std::optional<std::int64_t> end = {};
};
/// Input: shape (must fold).
struct ConstantOfShape {
  Tensor value;  ///< One element.
};
/// Rearranges depth into space (ONNX DepthToSpace).
struct DepthToSpace {
  std::int64_t block = 1;
  bool column_row_depth = false;  ///< CRD mode.
};

using Op =
    std::variant<Conv, ConvTranspose, Gemm, MatMul, BatchNormalization, Unary, PRelu, Binary, Pool,
                 GlobalPool, Lrn, Softmax, Concat, Flatten, Reshape, Transpose, Pad, Slice, Split,
                 Resize, ReduceMean, QuantizeLinear, DequantizeLinear, QLinearConv, QLinearMatMul,
                 Cast, Gather, ShapeOf, ConstantOfShape, DepthToSpace>;

/// The operator's name as users know it (ONNX spelling), e.g. "Conv", "Relu", "MaxPool".
std::string_view name_of(const Op& op);

}  // namespace syncopate::ir
