#include <algorithm>
#include <cmath>

#include "gconv/lowering.h"
#include "ir/shapes.h"

// Windows without weights: pooling, means, normalization over channels, softmax.

namespace syncopate::gconv::lowering {
namespace {

/// A pointwise GCONV from `from` to `to` (which may be smaller) for the caller to widen.
GConv& add_reduction(Builder& builder, const std::string& part, const Placed& from,
                     const Placed& to, Reduce reduce) {
  GConv& gconv = builder.add_pointwise(part, from, to, {});
  gconv.reduce = reduce;
  return gconv;
}

/// The whole extent becomes the window.
void reduce_all(Dim& dim, std::int64_t extent) {
  dim.nopc = 1;
  dim.nks = dim.nips = extent;
}

/// Averaging divides by the number of window positions inside the input (or inside the padded
/// input, when padding counts). Returns the reciprocal counts [1, 1, spatial].
Tensor reciprocal_counts(const ir::Pool& op, const Shape& input, const Shape& output) {
  const std::size_t spatial = op.window.kernel.size();
  Shape shape(output);
  shape[0] = shape[1] = 1;
  Tensor result(DType::f32, shape);
  const std::span<float> values = result.mutable_data<float>();
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  for (std::int64_t i = 0; i < result.size(); ++i) {
    std::int64_t count = 1, rest = i;
    for (std::size_t d = 0; d < spatial; ++d) {
      const std::int64_t position = rest / strides[d + 2];
      rest %= strides[d + 2];
      const std::int64_t low = op.count_include_pad ? -op.window.pads_begin[d] : 0;
      const std::int64_t high = input[d + 2] + (op.count_include_pad ? op.window.pads_end[d] : 0);
      std::int64_t inside = 0;
      for (std::int64_t k = 0; k < op.window.kernel[d]; ++k) {
        const std::int64_t at =
            position * op.window.strides[d] + k * op.window.dilations[d] - op.window.pads_begin[d];
        inside += at >= low && at < high ? 1 : 0;
      }
      count *= inside;
    }
    values[static_cast<std::size_t>(i)] =
        1.0F / static_cast<float>(std::max<std::int64_t>(count, 1));
  }
  return result;
}

void add_windows(GConv& gconv, const ir::Window& window, const Shape& input) {
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    Dim& dim = gconv.dims[d + 2];
    dim.nks = window.kernel[d];
    dim.stride = window.strides[d];
    dim.dilation = window.dilations[d];
    dim.pad = window.pads_begin[d];
    dim.nips = input[d + 2];
  }
}

/// Placed with extent 1 wherever `axes` says so.
Shape reduced_shape(Shape shape, const std::vector<std::size_t>& axes) {
  for (const std::size_t axis : axes) {
    shape[axis] = 1;
  }
  return shape;
}

GConv& add_reduction_over(Builder& builder, const std::string& part, const Placed& from,
                          const Placed& to, const std::vector<std::size_t>& axes, Reduce reduce) {
  Placed view = from;  // strides of the input, extents of the output
  view.shape = to.shape;
  GConv& gconv = add_reduction(builder, part, view, to, reduce);
  for (const std::size_t axis : axes) {
    reduce_all(gconv.dims[axis], from.shape[axis]);
  }
  return gconv;
}

}  // namespace

void lower(Builder& builder, const ir::Pool& op) {
  if (builder.output_is_used(1)) {
    builder.refuse("the output of indices is used; supported is the output of maxima");
  }
  const Placed from = builder.simple_input(0);
  const Shape output = builder.output_shape();
  if (op.kind == ir::PoolKind::max) {
    Placed to = builder.create_output();
    to.quantized = from.quantized;
    builder.bind(to);
    add_windows(add_reduction(builder, "", from, to, Reduce::max), op.window, from.shape);
    return;
  }
  const Tensor counts = reciprocal_counts(op, from.shape, output);
  const std::span<const float> values = counts.data<float>();
  if (std::all_of(values.begin(), values.end(), [&](float v) { return v == values[0]; })) {
    GConv& gconv = add_reduction(builder, "", from, builder.create_output(), Reduce::add);
    add_windows(gconv, op.window, from.shape);
    gconv.post = {affine({1.0 / std::round(1.0 / static_cast<double>(values[0]))}, {0})};
    return;
  }
  const Placed sum = builder.create_step("sum", output);
  add_windows(add_reduction(builder, "sum", from, sum, Reduce::add), op.window, from.shape);
  const Placed to = builder.create_output();
  builder.add_elementwise("", Main::mul, sum, builder.place_constant(to.tensor + "/counts", counts),
                          to);
}

void lower(Builder& builder, const ir::GlobalPool& op) {
  const Placed from = builder.simple_input(0);
  const Placed to = builder.create_output();
  std::vector<std::size_t> axes;
  double count = 1;
  for (std::size_t i = 2; i < from.shape.size(); ++i) {
    axes.push_back(i);
    count *= static_cast<double>(from.shape[i]);
  }
  const bool average = op.kind == ir::PoolKind::average;
  GConv& gconv =
      add_reduction_over(builder, "", from, to, axes, average ? Reduce::add : Reduce::max);
  if (average) {
    gconv.post = {affine({1 / count}, {0})};
  }
}

void lower(Builder& builder, const ir::ReduceMean& op) {
  const Placed from = builder.simple_input(0);
  const std::size_t rank = from.shape.size();
  std::vector<std::size_t> axes;
  double count = 1;
  for (const std::int64_t axis : ir::normalize_axes(op.axes, rank)) {
    axes.push_back(static_cast<std::size_t>(axis));
    count *= static_cast<double>(from.shape[axes.back()]);
  }
  const Shape kept = reduced_shape(from.shape, axes);
  const std::optional<Placed> to = reshaped(builder.create_output(), kept);
  if (!to) {
    builder.refuse("the mean of {} has no dense result", to_string(from.shape));
  }
  add_reduction_over(builder, "", from, *to, axes, Reduce::add).post = {affine({1 / count}, {0})};
}

void lower(Builder& builder, const ir::Lrn& op) {
  const Placed from = builder.simple_input(0);
  const Placed divisor = builder.create_step("scale", from.shape);
  GConv& gconv = add_reduction(builder, "scale", from, divisor, Reduce::add);
  gconv.pre = Pre::square;
  gconv.dims[1].nks = op.size;
  gconv.dims[1].pad = (op.size - 1) / 2;
  gconv.post = {function(Function::power,
                         static_cast<double>(op.alpha) / static_cast<double>(op.size),
                         static_cast<double>(op.beta), static_cast<double>(op.bias))};
  builder.add_elementwise("", Main::mul, from, divisor, builder.create_output());
}

void lower(Builder& builder, const ir::Softmax& op) {
  const Placed from = builder.simple_input(0);
  const auto rank = static_cast<std::int64_t>(from.shape.size());
  std::vector<std::size_t> axes;
  const std::int64_t first = op.axis < 0 ? op.axis + rank : op.axis;
  for (std::int64_t i = first; i < (op.flatten ? rank : first + 1); ++i) {
    axes.push_back(static_cast<std::size_t>(i));
  }
  const Shape kept = reduced_shape(from.shape, axes);
  const Placed largest = builder.create_step("max", kept);
  add_reduction_over(builder, "max", from, largest, axes, Reduce::max);
  const Placed exponential = builder.create_step("exp", from.shape);
  builder.add_elementwise("exp", Main::sub, from, largest, exponential).post = {
      function(Function::exp)};
  const Placed inverse = builder.create_step("inverse", kept);
  add_reduction_over(builder, "inverse", exponential, inverse, axes, Reduce::add).post = {
      function(Function::reciprocal)};
  builder.add_elementwise("", Main::mul, exponential, inverse, builder.create_output());
}

}  // namespace syncopate::gconv::lowering
