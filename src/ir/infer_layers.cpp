#include "ir/infer_rules.h"
#include "ir/shapes.h"

namespace syncopate::ir::rules {
namespace {

/// [N, C, spatial...]: the number of spatial dimensions.
std::size_t spatial_rank(const Shape& x) {
  if (x.size() < 3 || x.size() > 5) {
    fail("the input {} should be [N, C, 1 to 3 spatial dimensions]", to_string(x));
  }
  return x.size() - 2;
}

void check_group(std::int64_t group, std::int64_t channels) {
  if (group < 1 || channels % group != 0) {
    fail("{} groups do not divide {} channels", group, channels);
  }
}

void check_kernel(const Window& window, const Shape& weights) {
  const Shape kernel(weights.begin() + 2, weights.end());
  if (kernel != window.kernel) {
    fail("the kernel shape {} disagrees with weights of {}", to_string(window.kernel),
         to_string(weights));
  }
}

Shape conv_shape(const Window& window, std::int64_t group, const Shape& x, const Shape& w) {
  const std::size_t spatial = spatial_rank(x);
  if (w.size() != x.size()) {
    fail("weights of {} do not fit an input of {}", to_string(w), to_string(x));
  }
  check_window(window, spatial);
  check_kernel(window, w);
  check_group(group, x[1]);
  if (w[1] != x[1] / group) {
    fail("weights of {} take {} input channels per group, but the input {} has {} in {} group(s)",
         to_string(w), w[1], to_string(x), x[1], group);
  }
  check_group(group, w[0]);
  Shape y{x[0], w[0]};
  for (std::size_t d = 0; d < spatial; ++d) y.push_back(window_extent(window, d, x[d + 2]));
  return y;
}

/// Shape of a (batched) matrix product with numpy semantics.
Shape matmul_shape(Shape a, Shape b) {
  if (a.empty() || b.empty()) fail("a matrix product needs at least one dimension, got a scalar");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const std::int64_t m = a[a.size() - 2], n = b.back();
  if (a.back() != b[b.size() - 2]) {
    fail("inner extents differ: {} times {}", to_string(a), to_string(b));
  }
  Shape y = broadcast_shapes(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!row) y.push_back(m);
  if (!column) y.push_back(n);
  return y;
}

/// A scale or zero point: one element, or one per output channel.
void expect_scale(const Inputs& in, std::size_t i, std::int64_t channels, std::string_view what) {
  if (!in.has(i) || element_count(in.shape(i)) == 1) return;
  if (in.shape(i) != Shape{channels}) {
    fail("{} has the shape {}, expected one element or {}", what, to_string(in.shape(i)), channels);
  }
}

void expect_byte(const Inputs& in, std::size_t i, std::string_view what) {
  if (in.dtype(i) != DType::i8 && in.dtype(i) != DType::u8) {
    fail("{} has the type {}, expected i8 or u8", what, name_of(in.dtype(i)));
  }
}

/// Types of (value, scale, zero point) starting at input `i`.
void expect_quantized(const Inputs& in, std::size_t i, std::string_view what) {
  expect_byte(in, i, what);
  in.expect_type(i + 1, DType::f32, "a scale");
  in.expect_type(i + 2, in.dtype(i), "a zero point");
}

/// Scale and zero point of an output at inputs 6 and 7.
DType output_quantization(const Inputs& in) {
  in.expect_type(6, DType::f32, "the output scale");
  in.expect_single(6, "the output scale");
  expect_byte(in, 7, "the output zero point");
  in.expect_single(7, "the output zero point");
  return in.dtype(7);
}

}  // namespace

Results infer(const Conv& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  in.expect_type(1, DType::f32, "the weights");
  Shape y = conv_shape(op.window, op.group, in.shape(0), in.shape(1));
  if (in.has(2)) {
    in.expect_type(2, DType::f32, "the bias");
    in.expect_shape(2, {y[1]}, "the bias");
  }
  return {{DType::f32, std::move(y)}};
}

Results infer(const ConvTranspose& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  in.expect_type(1, DType::f32, "the weights");
  const Shape &x = in.shape(0), &w = in.shape(1);
  const std::size_t spatial = spatial_rank(x);
  check_window(op.window, spatial);
  if (w.size() != x.size() || w[0] != x[1]) {
    fail("weights of {} do not fit an input of {}", to_string(w), to_string(x));
  }
  check_kernel(op.window, w);
  check_group(op.group, x[1]);
  if (op.output_padding.size() != spatial) {
    fail("output padding has {} entries for {} spatial dimensions", op.output_padding.size(),
         spatial);
  }
  if (w[1] > kMaxWindow * kMaxWindow / op.group) fail("too many output channels");
  Shape y{x[0], w[1] * op.group};
  for (std::size_t d = 0; d < spatial; ++d) {
    const std::int64_t extra = op.output_padding[d];
    if (extra < 0 || extra > kMaxWindow) fail("output padding holds {}", extra);
    const std::int64_t extent = op.window.strides[d] * (x[d + 2] - 1) + extra +
                                (op.window.kernel[d] - 1) * op.window.dilations[d] + 1 -
                                op.window.pads_begin[d] - op.window.pads_end[d];
    if (extent < 1) fail("spatial dimension {} of the output would have {} elements", d, extent);
    y.push_back(extent);
  }
  if (in.has(2)) {
    in.expect_type(2, DType::f32, "the bias");
    in.expect_shape(2, {y[1]}, "the bias");
  }
  return {{DType::f32, std::move(y)}};
}

Results infer(const Gemm& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "A");
  in.expect_type(1, DType::f32, "B");
  Shape a = in.shape(0), b = in.shape(1);
  if (a.size() != 2 || b.size() != 2) {
    fail("A and B should be matrices, got {} and {}", to_string(a), to_string(b));
  }
  if (op.trans_a) std::swap(a[0], a[1]);
  if (op.trans_b) std::swap(b[0], b[1]);
  if (a[1] != b[0]) {
    fail("A takes {} inputs, but B has {} ({} and {} before transposition)", a[1], b[0],
         to_string(in.shape(0)), to_string(in.shape(1)));
  }
  Shape y{a[0], b[1]};
  if (in.has(2)) {
    in.expect_type(2, DType::f32, "C");
    if (broadcast_shapes(y, in.shape(2)) != y) {
      fail("C of {} does not broadcast to {}", to_string(in.shape(2)), to_string(y));
    }
  }
  return {{DType::f32, std::move(y)}};
}

Results infer(const MatMul&, const Inputs& in) {
  in.expect_type(1, in.dtype(0), "B");
  return {{in.dtype(0), matmul_shape(in.shape(0), in.shape(1))}};
}

Results infer(const BatchNormalization&, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  if (in.rank(0) < 2) fail("the input {} should be [N, C, ...]", to_string(in.shape(0)));
  constexpr std::string_view kNames[] = {"the input", "scale", "bias", "mean", "variance"};
  for (std::size_t i = 1; i < 5; ++i) {
    in.expect_type(i, DType::f32, kNames[i]);
    in.expect_shape(i, {in.shape(0)[1]}, kNames[i]);
  }
  return {{DType::f32, in.shape(0)}};
}

Results infer(const Pool& op, const Inputs& in) {
  if (op.kind == PoolKind::average) in.expect_type(0, DType::f32, "the input");
  const Shape& x = in.shape(0);
  const std::size_t spatial = spatial_rank(x);
  check_window(op.window, spatial);
  Shape y{x[0], x[1]};
  for (std::size_t d = 0; d < spatial; ++d) {
    y.push_back(window_extent(op.window, d, x[d + 2], op.ceil_mode));
  }
  Results results{{in.dtype(0), y}};
  if (op.kind == PoolKind::max) results.push_back({DType::i64, y});
  return results;
}

Results infer(const GlobalPool& op, const Inputs& in) {
  if (op.kind == PoolKind::average) in.expect_type(0, DType::f32, "the input");
  Shape y = in.shape(0);
  if (y.size() < 3) fail("the input {} should be [N, C, spatial dimensions]", to_string(y));
  for (std::size_t d = 2; d < y.size(); ++d) {
    if (y[d] < 1) fail("the input {} has no elements to pool", to_string(in.shape(0)));
    y[d] = 1;
  }
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const QLinearConv& op, const Inputs& in) {
  expect_quantized(in, 0, "the input");
  expect_quantized(in, 3, "the weights");
  in.expect_single(1, "the input scale");
  in.expect_single(2, "the input zero point");
  const DType out = output_quantization(in);
  Shape y = conv_shape(op.window, op.group, in.shape(0), in.shape(3));
  expect_scale(in, 4, y[1], "the weight scale");
  expect_scale(in, 5, y[1], "the weight zero point");
  if (in.has(8)) {
    in.expect_type(8, DType::i32, "the bias");
    in.expect_shape(8, {y[1]}, "the bias");
  }
  return {{out, std::move(y)}};
}

Results infer(const QLinearMatMul&, const Inputs& in) {
  expect_quantized(in, 0, "a");
  expect_quantized(in, 3, "b");
  for (std::size_t i : {1U, 2U}) in.expect_single(i, "a scale or zero point of a");
  for (std::size_t i : {4U, 5U}) {
    expect_scale(in, i, in.rank(3) == 0 ? 1 : in.shape(3).back(), "a scale or zero point of b");
  }
  const DType out = output_quantization(in);
  return {{out, matmul_shape(in.shape(0), in.shape(3))}};
}

}  // namespace syncopate::ir::rules
