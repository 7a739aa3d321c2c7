#include <fmt/ranges.h>

#include "ir/infer_rules.h"
#include "ir/shapes.h"

namespace syncopate::ir::rules {
namespace {

/// Scale and zero point at inputs 1 and 2: one element, or one per extent of `axis`.
void check_quantization(const Inputs& in, std::int64_t axis) {
  in.expect_type(1, DType::f32, "the scale");
  const Shape& scale = in.shape(1);
  if (element_count(scale) != 1) {
    const auto dim = static_cast<std::size_t>(normalize_axis(axis, in.rank(0)));
    in.expect_shape(1, {in.shape(0)[dim]}, "the scale");
  }
  if (in.has(2) && element_count(in.shape(2)) != element_count(scale)) {
    fail("the zero point has the shape {}, the scale {}", to_string(in.shape(2)), to_string(scale));
  }
}

}  // namespace

Results infer(const Unary& op, const Inputs& in) {
  const bool any_type =
      op.kind == UnaryKind::identity || op.kind == UnaryKind::relu || op.kind == UnaryKind::clip;
  if (!any_type) in.expect_type(0, DType::f32, "the input");
  if (in.dtype(0) == DType::boolean && op.kind != UnaryKind::identity) {
    fail("the input has the type bool, expected a number");
  }
  return {{in.dtype(0), in.shape(0)}};
}

Results infer(const PRelu&, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  in.expect_type(1, DType::f32, "the slope");
  if (broadcast_shapes(in.shape(0), in.shape(1)) != in.shape(0)) {
    fail("a slope of {} does not broadcast to {}", to_string(in.shape(1)), to_string(in.shape(0)));
  }
  return {{DType::f32, in.shape(0)}};
}

Results infer(const Binary&, const Inputs& in) {
  if (in.dtype(0) == DType::boolean) fail("operands have the type bool, expected numbers");
  in.expect_type(1, in.dtype(0), "the second operand");
  return {{in.dtype(0), broadcast_shapes(in.shape(0), in.shape(1))}};
}

Results infer(const Lrn& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  if (in.rank(0) < 2) fail("the input {} should be [N, C, ...]", to_string(in.shape(0)));
  if (op.size < 1 || op.size > kMaxWindow) fail("size is {}, outside 1 to {}", op.size, kMaxWindow);
  return {{DType::f32, in.shape(0)}};
}

Results infer(const Softmax& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  // The old form flattens to two dimensions, so its axis may also be the rank.
  const auto rank = static_cast<std::int64_t>(in.rank(0));
  if (!(op.flatten && op.axis == rank)) normalize_axis(op.axis, in.rank(0));
  return {{DType::f32, in.shape(0)}};
}

Results infer(const ReduceMean& op, const Inputs& in) {
  in.expect_type(0, DType::f32, "the input");
  std::vector<bool> reduced(in.rank(0), false);
  for (std::int64_t axis : normalize_axes(op.axes, in.rank(0))) {
    reduced[static_cast<std::size_t>(axis)] = true;
  }
  Shape y;
  for (std::size_t d = 0; d < in.rank(0); ++d) {
    if (!reduced[d]) {
      y.push_back(in.shape(0)[d]);
    } else {
      if (in.shape(0)[d] < 1) fail("the mean of no elements along axis {}", d);
      if (op.keep_dims) y.push_back(1);
    }
  }
  return {{DType::f32, std::move(y)}};
}

Results infer(const QuantizeLinear& op, const Inputs& in) {
  if (in.dtype(0) != DType::f32 && in.dtype(0) != DType::i32) {
    fail("the input has the type {}, expected f32 or i32", name_of(in.dtype(0)));
  }
  check_quantization(in, op.axis);
  const DType out = in.has(2) ? in.dtype(2) : DType::u8;
  if (out != DType::u8 && out != DType::i8 && out != DType::i16 && out != DType::u16) {
    fail("the zero point has the type {}, expected i8, u8, i16 or u16", name_of(out));
  }
  return {{out, in.shape(0)}};
}

Results infer(const DequantizeLinear& op, const Inputs& in) {
  const DType type = in.dtype(0);
  if (type != DType::u8 && type != DType::i8 && type != DType::i16 && type != DType::u16 &&
      type != DType::i32) {
    fail("the input has the type {}, expected i8, u8, i16, u16 or i32", name_of(type));
  }
  if (in.has(2)) in.expect_type(2, type, "the zero point");
  check_quantization(in, op.axis);
  return {{DType::f32, in.shape(0)}};
}

Results infer(const Cast& op, const Inputs& in) { return {{op.to, in.shape(0)}}; }

}  // namespace syncopate::ir::rules
