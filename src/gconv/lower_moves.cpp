#include <algorithm>
#include <cmath>

#include "gconv/lowering.h"
#include "ir/shapes.h"

// Operators that only move elements: views where strides can say it, copies into views elsewhere.

namespace syncopate::gconv::lowering {
namespace {

/// Binds the input under the output's shape; copies it first when strides cannot say that.
void lower_reshape(Builder& builder) {
  const Shape& shape = builder.output_shape();
  if (const std::optional<Placed> view = reshaped(builder.input(0), shape)) {
    builder.bind(*view);
    return;
  }
  // Written in the order of the input's shape, then read in that of the output's.
  const Placed from = builder.input(0);
  const Placed target = builder.create_output();
  const std::optional<Placed> as_input = reshaped(target, from.shape);
  if (as_input && from.simple()) {
    builder.add_pointwise("", from, *as_input, {});
    Placed bound = target;
    bound.quantized = from.quantized;
    builder.bind(bound);
    return;
  }
  Placed flat = builder.copied_row_major(from);
  const std::optional<Placed> view = reshaped(flat, shape);
  if (!view) {
    broken("a dense tensor cannot be reshaped to {}", to_string(shape));
  }
  builder.copy_into(*view, target, "reorder");
  Placed bound = target;
  bound.quantized = from.quantized;
  builder.bind(bound);
}

/// The source element of every position along one dimension of a nearest-neighbour Resize.
double source_position(const ir::Resize& op, std::int64_t at, double scale, std::int64_t in,
                       std::int64_t out) {
  const double x = static_cast<double>(at);
  switch (op.coordinates) {
    case ir::CoordinateMode::asymmetric:
      return x / scale;
    case ir::CoordinateMode::align_corners:
      return out == 1 ? 0 : x * static_cast<double>(in - 1) / static_cast<double>(out - 1);
    case ir::CoordinateMode::pytorch_half_pixel:
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case ir::CoordinateMode::half_pixel_symmetric: {
      const double adjustment = static_cast<double>(out) / (scale * static_cast<double>(in));
      const double center = static_cast<double>(in) / 2;
      return center * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    default:
      return (x + 0.5) / scale - 0.5;
  }
}

std::int64_t nearest_index(const ir::Resize& op, double position, std::int64_t in) {
  double index = 0;
  switch (op.nearest) {
    case ir::NearestMode::round_prefer_floor:
      index = std::ceil(position - 0.5);
      break;
    case ir::NearestMode::round_prefer_ceil:
      index = std::floor(position + 0.5);
      break;
    case ir::NearestMode::floor:
      index = std::floor(position);
      break;
    case ir::NearestMode::ceil:
      index = std::ceil(position);
      break;
  }
  return std::clamp(static_cast<std::int64_t>(index), std::int64_t{0}, in - 1);
}

std::vector<std::int64_t> sources_along(const ir::Resize& op, std::size_t d, std::int64_t in,
                                        std::int64_t out) {
  const double scale = op.scales.empty() ? static_cast<double>(out) / static_cast<double>(in)
                                         : static_cast<double>(op.scales[d]);
  std::vector<std::int64_t> sources(static_cast<std::size_t>(out));
  for (std::int64_t i = 0; i < out; ++i) {
    sources[static_cast<std::size_t>(i)] =
        nearest_index(op, source_position(op, i, scale, in, out), in);
  }
  return sources;
}

/// Each input repeated `factor` times: kernels per group.
bool repeats(const std::vector<std::int64_t>& sources, std::int64_t in) {
  const auto out = static_cast<std::int64_t>(sources.size());
  if (out % in != 0) {
    return false;
  }
  for (std::int64_t i = 0; i < out; ++i) {
    if (sources[static_cast<std::size_t>(i)] != i / (out / in)) {
      return false;
    }
  }
  return true;
}

bool equally_spaced(const std::vector<std::int64_t>& sources) {
  for (std::size_t i = 2; i < sources.size(); ++i) {
    if (sources[i] - sources[i - 1] != sources[1] - sources[0]) {
      return false;
    }
  }
  return sources.size() < 2 || sources[1] > sources[0];
}

/// Copies a constant into the border slabs that padding with `value` leaves around the input.
void fill_borders(Builder& builder, const ir::Pad& op, const Placed& to, const Shape& inner) {
  const Tensor value = Tensor::from<float>({1}, std::vector<float>{op.value});
  const std::string name = builder.add_constant(to.tensor + "/padding", value);
  Placed rest = to;  // what is not filled yet
  for (std::size_t d = 0; d < inner.size(); ++d) {
    const std::int64_t before = std::max<std::int64_t>(op.before[d], 0);
    const std::int64_t after = std::max<std::int64_t>(op.after[d], 0);
    const std::int64_t extent = rest.shape[d];
    for (const auto& [begin, count] :
         {std::pair(std::int64_t{0}, before), std::pair(extent - after, after)}) {
      if (count > 0) {
        const Placed slab = sliced(rest, d, begin, 1, count);
        Placed source = slab;
        source.tensor = name;
        source.base = 0;
        for (auto& factors : source.dims) {
          for (Factor& factor : factors) {
            factor.stride = 0;
          }
        }
        builder.add_pointwise("padding", source, slab, {});
      }
    }
    rest = sliced(rest, d, before, 1, extent - before - after);
  }
}

}  // namespace

void lower(Builder& builder, const ir::Concat& op) {
  const auto rank = static_cast<std::int64_t>(builder.output_shape().size());
  const auto axis = static_cast<std::size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  Placed to = builder.create_output();
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < builder.input_count(); ++i) {
    const Placed from = builder.simple_input(i);
    if (i > 0 && from.quantized &&
        (from.quantized->scale != to.quantized->scale ||
         from.quantized->zero_point != to.quantized->zero_point)) {
      builder.refuse("quantized inputs differ in scale or zero point; supported are equal ones");
    }
    to.quantized = from.quantized;
    const std::int64_t extent = from.shape[axis];
    builder.add_pointwise(fmt::format("part{}", i), from, sliced(to, axis, begin, 1, extent), {});
    begin += extent;
  }
  builder.bind(to);
}

void lower(Builder& builder, const ir::Flatten&) { lower_reshape(builder); }

void lower(Builder& builder, const ir::Reshape&) { lower_reshape(builder); }

void lower(Builder& builder, const ir::Transpose& op) {
  std::vector<std::int64_t> perm = op.perm;
  const auto rank = static_cast<std::int64_t>(builder.output_shape().size());
  if (perm.empty()) {
    for (std::int64_t i = rank; i-- > 0;) {
      perm.push_back(i);
    }
  }
  builder.bind(transposed(builder.input(0), perm));
}

void lower(Builder& builder, const ir::Pad& op) {
  if (op.mode != ir::PadMode::constant) {
    builder.refuse("mode {}; supported is constant",
                   op.mode == ir::PadMode::edge ? "edge" : "reflect");
  }
  if (!std::isfinite(op.value)) {
    builder.refuse("padding with {}; supported are finite values", op.value);
  }
  Placed inner = builder.simple_input(0);
  bool grows = false;
  for (std::size_t d = 0; d < inner.shape.size(); ++d) {
    const std::int64_t skip = std::max<std::int64_t>(-op.before[d], 0);
    const std::int64_t drop = std::max<std::int64_t>(-op.after[d], 0);
    inner = sliced(inner, d, skip, 1, inner.shape[d] - skip - drop);
    grows = grows || op.before[d] > 0 || op.after[d] > 0;
  }
  if (!grows) {
    builder.bind(inner);
    return;
  }
  const Placed to = builder.create_output();
  if (op.value == 0) {  // positions outside the input contribute nothing to a sum
    Placed view = inner;
    view.shape = to.shape;
    GConv& gconv = builder.add_pointwise("", view, to, {});
    gconv.reduce = Reduce::add;
    for (std::size_t d = 0; d < inner.shape.size(); ++d) {
      gconv.dims[d].pad = std::max<std::int64_t>(op.before[d], 0);
      gconv.dims[d].nips = inner.shape[d];
    }
    return;
  }
  fill_borders(builder, op, to, inner.shape);
  Placed middle = to;
  for (std::size_t d = 0; d < inner.shape.size(); ++d) {
    middle = sliced(middle, d, std::max<std::int64_t>(op.before[d], 0), 1, inner.shape[d]);
  }
  builder.add_pointwise("", inner, middle, {});
}

void lower(Builder& builder, const ir::Slice& op) {
  Placed value = builder.simple_input(0);
  const std::vector<ir::SliceRange> ranges = ir::resolve_slice(op, value.shape);
  for (std::size_t d = 0; d < ranges.size(); ++d) {
    value = sliced(value, d, ranges[d].begin, ranges[d].step, ranges[d].extent);
  }
  builder.bind(value);
}

void lower(Builder& builder, const ir::Split& op) {
  const Placed value = builder.simple_input(0);
  const auto rank = static_cast<std::int64_t>(value.shape.size());
  const auto axis = static_cast<std::size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < op.sizes.size(); ++i) {
    if (builder.has_output(i)) {
      builder.bind(sliced(value, axis, begin, 1, op.sizes[i]), i);
    }
    begin += op.sizes[i];
  }
}

void lower(Builder& builder, const ir::Resize& op) {
  if (op.coordinates == ir::CoordinateMode::tf_crop_and_resize) {
    builder.refuse("coordinates tf_crop_and_resize; supported are the others");
  }
  Placed from = builder.simple_input(0);
  const Shape& shape = builder.output_shape();
  std::vector<std::size_t> repeated;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::vector<std::int64_t> sources = sources_along(op, d, from.shape[d], shape[d]);
    if (equally_spaced(sources)) {
      const std::int64_t step = sources.size() > 1 ? sources[1] - sources[0] : 1;
      from = sliced(from, d, sources[0], step, shape[d]);
    } else if (repeats(sources, from.shape[d])) {
      repeated.push_back(d);
    } else {
      builder.refuse(
          "dimension {} from {} to {} does not repeat or skip elements evenly; supported "
          "are integer factors",
          d, from.shape[d], shape[d]);
    }
  }
  if (repeated.empty()) {
    builder.bind(from);
    return;
  }
  Placed to = builder.create_output();
  Placed view = from;
  view.shape = to.shape;
  GConv& gconv = builder.add_pointwise("", view, to, {});
  for (const std::size_t d : repeated) {
    Dim& dim = gconv.dims[d];
    dim.ng = from.shape[d];
    dim.nop = to.shape[d] / from.shape[d];
    dim.nopc = dim.nips = 1;
  }
  to.quantized = from.quantized;
  builder.bind(to);
}

void lower(Builder& builder, const ir::Gather& op) {
  const Tensor* indices = builder.constant_or_null(1);
  if (indices == nullptr || indices->empty() || indices->shape().size() > 1) {
    builder.refuse("indices must be a constant scalar or list");
  }
  const Placed value = builder.simple_input(0);
  const auto rank = static_cast<std::int64_t>(value.shape.size());
  const auto axis = static_cast<std::size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  std::vector<std::int64_t> list;
  if (indices->dtype() == DType::i64) {
    const auto values = indices->data<std::int64_t>();
    list.assign(values.begin(), values.end());
  } else if (indices->dtype() == DType::i32) {
    const auto values = indices->data<std::int32_t>();
    list.assign(values.begin(), values.end());
  } else {
    builder.refuse("indices must be i64 or i32");
  }
  for (std::int64_t& index : list) {
    index += index < 0 ? value.shape[axis] : 0;
    if (index < 0 || index >= value.shape[axis]) {
      builder.refuse("index {} is outside dimension {} of {}", index, axis, to_string(value.shape));
    }
  }
  if (!equally_spaced(list)) {
    builder.refuse("supported are equally spaced, increasing indices");
  }
  Placed result = sliced(value, axis, list[0], list.size() > 1 ? list[1] - list[0] : 1,
                         static_cast<std::int64_t>(list.size()));
  if (indices->shape().empty()) {
    result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(axis));
    result.dims.erase(result.dims.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  builder.bind(result);
}

void lower(Builder& builder, const ir::DepthToSpace& op) {
  const Placed value = builder.simple_input(0);
  const Shape& in = value.shape;
  const std::int64_t b = op.block, depth = in[1] / (b * b);
  const Shape split = op.column_row_depth ? Shape{in[0], depth, b, b, in[2], in[3]}
                                          : Shape{in[0], b, b, depth, in[2], in[3]};
  const std::vector<std::int64_t> perm = op.column_row_depth
                                             ? std::vector<std::int64_t>{0, 1, 4, 2, 5, 3}
                                             : std::vector<std::int64_t>{0, 3, 4, 1, 5, 2};
  const std::optional<Placed> blocks = reshaped(value, split);
  const std::optional<Placed> result =
      blocks ? reshaped(transposed(*blocks, perm), builder.output_shape()) : std::nullopt;
  if (!result) {
    broken("DepthToSpace of {} has no view", to_string(in));
  }
  builder.bind(*result);
}

void lower(Builder& builder, const ir::Cast& op) {
  if (op.to != DType::f32) {
    builder.refuse("to {}; supported is f32 (others must fold to constants)", name_of(op.to));
  }
  builder.bind(builder.input(0));
}

void lower(Builder& builder, const ir::ShapeOf&) {
  builder.refuse("did not fold to a constant; supported are static shapes");
}

void lower(Builder& builder, const ir::ConstantOfShape&) {
  builder.refuse("did not fold to a constant; supported are static shapes");
}

}  // namespace syncopate::gconv::lowering
