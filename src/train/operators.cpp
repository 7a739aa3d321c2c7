#include "train/operators.h"

#include <algorithm>
#include <cmath>

#include "ir/shapes.h"

namespace syncopate::train {
namespace rules {
namespace {

using torch::Tensor;

/// Indices as a tensor on the device of `like`.
Tensor index_tensor(const std::vector<std::int64_t>& indices, const Tensor& like) {
  return torch::tensor(indices, torch::kLong).to(like.device());
}

/// Elements of `x` along `axis`, unless they are all there in order.
Tensor select(const Tensor& x, std::size_t axis, const std::vector<std::int64_t>& indices) {
  const auto dimension = static_cast<std::int64_t>(axis);
  bool identity = static_cast<std::int64_t>(indices.size()) == x.size(dimension);
  for (std::size_t i = 0; i < indices.size() && identity; ++i) {
    identity = indices[i] == static_cast<std::int64_t>(i);
  }
  return identity ? x : x.index_select(dimension, index_tensor(indices, x));
}

/// The graph's shape of an output, with the batch that `x` really has.
Shape actual_shape(const Call& call, const Tensor& x) {
  Shape shape = call.output_shape();
  const Shape& declared = call.input_shape(0);
  if (!shape.empty() && !declared.empty() && x.size(0) != declared[0]) shape[0] = x.size(0);
  return shape;
}

/// Coordinate in the input of output index `i` of dimension `d` (ONNX Resize).
double source_coordinate(const ir::Resize& op, std::size_t d, std::int64_t i, std::int64_t extent) {
  const auto x = static_cast<double>(i), scale = static_cast<double>(op.scales[d]);
  const auto in = static_cast<double>(extent), out = static_cast<double>(op.sizes[d]);
  switch (op.coordinates) {
    case ir::CoordinateMode::half_pixel:
      return (x + 0.5) / scale - 0.5;
    case ir::CoordinateMode::half_pixel_symmetric:
      return in / 2 * (1 - out / (scale * in)) + (x + 0.5) / scale - 0.5;
    case ir::CoordinateMode::pytorch_half_pixel:
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case ir::CoordinateMode::align_corners:
      return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case ir::CoordinateMode::asymmetric:
      return x / scale;
    case ir::CoordinateMode::tf_crop_and_resize:
      break;
  }
  const double start = static_cast<double>(op.roi[d]);
  const double end = static_cast<double>(op.roi[d + op.sizes.size()]);
  if (out > 1) return start * (in - 1) + x * (end - start) * (in - 1) / (out - 1);
  return 0.5 * (start + end) * (in - 1);
}

double rounded(ir::NearestMode mode, double x) {
  switch (mode) {
    case ir::NearestMode::round_prefer_floor:
      return std::ceil(x - 0.5);
    case ir::NearestMode::round_prefer_ceil:
      return std::floor(x + 0.5);
    case ir::NearestMode::floor:
      return std::floor(x);
    case ir::NearestMode::ceil:
      return std::ceil(x);
  }
  return x;
}

/// Where ReLU-like functions bend, their gradient is that of torch: any value between both sides.
Tensor hard_sigmoid(const Tensor& x, double alpha, double beta) {
  return torch::clamp(x * alpha + beta, 0.0, 1.0);
}

}  // namespace

Tensor run(const ir::Unary& op, const Call& call) {
  const Tensor& x = call.in[0];
  const auto alpha = static_cast<double>(op.alpha), beta = static_cast<double>(op.beta);
  switch (op.kind) {
    case ir::UnaryKind::relu:
      return torch::relu(x);
    case ir::UnaryKind::leaky_relu:
      return torch::leaky_relu(x, alpha);
    case ir::UnaryKind::clip:
      return torch::clamp(x, alpha, beta);
    case ir::UnaryKind::sigmoid:
      return torch::sigmoid(x);
    case ir::UnaryKind::tanh:
      return torch::tanh(x);
    case ir::UnaryKind::hard_sigmoid:
      return hard_sigmoid(x, alpha, beta);
    case ir::UnaryKind::hard_swish:
      return x * hard_sigmoid(x, 1.0 / 6, 0.5);
    case ir::UnaryKind::identity:
      break;
  }
  return x;
}

Tensor run(const ir::PRelu&, const Call& call) {
  // x where positive, slope * x elsewhere, with any broadcasting.
  const Tensor& x = call.in[0];
  return torch::clamp_min(x, 0) + call.in[1].to(x.scalar_type()) * torch::clamp_max(x, 0);
}

Tensor run(const ir::Binary& op, const Call& call) {
  Tensor a = call.in[0], b = call.in[1];
  if (a.scalar_type() != b.scalar_type()) {
    // Narrow activations stay narrow beside a constant or a wide one.
    const bool narrow = a.scalar_type() == call.compute || b.scalar_type() == call.compute;
    const torch::ScalarType type = narrow ? call.compute : a.scalar_type();
    a = a.to(type);
    b = b.to(type);
  }
  switch (op.kind) {
    case ir::BinaryKind::add:
      return a + b;
    case ir::BinaryKind::sub:
      return a - b;
    case ir::BinaryKind::mul:
      return a * b;
    case ir::BinaryKind::div:
      return a / b;
  }
  return a;
}

Tensor run(const ir::Softmax& op, const Call& call) {
  const Tensor& x = call.in[0];
  const std::int64_t axis = op.axis < 0 ? op.axis + x.dim() : op.axis;
  if (!op.flatten) return torch::softmax(x, axis);
  if (axis == x.dim()) return torch::ones_like(x);
  return torch::softmax(x.flatten(axis), axis).reshape(x.sizes());
}

Tensor run(const ir::ReduceMean& op, const Call& call) {
  if (op.axes.empty()) return call.in[0];
  return call.in[0].mean(op.axes, op.keep_dims);
}

Tensor run(const ir::Concat& op, const Call& call) {
  std::vector<Tensor> parts = call.in;
  for (Tensor& part : parts) part = part.to(parts.front().scalar_type());
  return torch::cat(parts, op.axis);
}

Tensor run(const ir::Flatten&, const Call& call) {
  return call.in[0].reshape(actual_shape(call, call.in[0]));
}

Tensor run(const ir::Reshape&, const Call& call) {
  return call.in[0].reshape(actual_shape(call, call.in[0]));
}

Tensor run(const ir::Transpose& op, const Call& call) { return call.in[0].permute(op.perm); }

Tensor run(const ir::Pad& op, const Call& call) {
  Tensor x = call.in[0];
  if (op.mode == ir::PadMode::constant) {
    ir::Ints pads;
    for (std::size_t d = op.before.size(); d-- > 0;) {
      pads.push_back(op.before[d]);
      pads.push_back(op.after[d]);
    }
    return torch::constant_pad_nd(x, pads, static_cast<double>(op.value));
  }
  for (std::size_t d = 0; d < op.before.size(); ++d) {
    if (op.before[d] == 0 && op.after[d] == 0) continue;
    const std::int64_t extent = x.size(static_cast<std::int64_t>(d));
    std::vector<std::int64_t> indices;
    for (std::int64_t i = -op.before[d]; i < extent + op.after[d]; ++i) {
      const bool edge = op.mode == ir::PadMode::edge;
      const std::int64_t folded = i < 0 ? -i : i < extent ? i : 2 * (extent - 1) - i;
      indices.push_back(edge ? std::clamp<std::int64_t>(i, 0, extent - 1) : folded);
    }
    x = select(x, d, indices);
  }
  return x;
}

Tensor run(const ir::Slice& op, const Call& call) {
  Tensor x = call.in[0];
  const std::vector<ir::SliceRange> ranges = ir::resolve_slice(op, call.input_shape(0));
  for (std::size_t d = 0; d < ranges.size(); ++d) {
    const ir::SliceRange& range = ranges[d];
    const std::int64_t declared = call.input_shape(0)[d];
    if (range.begin == 0 && range.step == 1 && range.extent == declared) continue;
    if (range.step > 0) {
      x = x.slice(static_cast<std::int64_t>(d), range.begin,
                  range.begin + (range.extent - 1) * range.step + 1, range.step);
      continue;
    }
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < range.extent; ++i) indices.push_back(range.begin + i * range.step);
    x = select(x, d, indices);
  }
  return x;
}

Tensor run(const ir::Resize& op, const Call& call) {
  Tensor x = call.in[0];
  const Shape& in = call.input_shape(0);
  const bool crops = op.coordinates == ir::CoordinateMode::tf_crop_and_resize;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (op.sizes[d] == in[d] && op.scales[d] == 1 && !crops) continue;
    std::vector<std::int64_t> indices;
    std::vector<double> inside;
    const auto last = static_cast<double>(in[d] - 1);
    for (std::int64_t i = 0; i < op.sizes[d]; ++i) {
      const double at = source_coordinate(op, d, i, in[d]);
      inside.push_back(crops && (at < 0 || at > last) ? 0 : 1);
      indices.push_back(static_cast<std::int64_t>(std::clamp(rounded(op.nearest, at), 0.0, last)));
    }
    if (d == 0 && x.size(0) != in[0]) continue;  // another batch; see batch_obstacle
    x = select(x, d, indices);
    if (std::ranges::find(inside, 0.0) == inside.end()) continue;
    Shape shape(in.size(), 1);
    shape[d] = op.sizes[d];
    const Tensor mask = torch::tensor(inside, torch::kDouble).to(x.options()).view(shape);
    x = x * mask + (1 - mask) * static_cast<double>(op.extrapolation_value);
  }
  return x;
}

Tensor run(const ir::Gather& op, const Call& call) {
  const Tensor &x = call.in[0], &picks = call.in[1];
  const std::int64_t axis = op.axis < 0 ? op.axis + x.dim() : op.axis, extent = x.size(axis);
  const Tensor indices = picks.to(torch::kLong).reshape({-1});
  if (indices.numel() > 0 && (indices.min().item<std::int64_t>() < -extent ||
                              indices.max().item<std::int64_t>() >= extent)) {
    call.refuse("an index is outside an axis of {} elements", extent);
  }
  Shape shape(x.sizes().begin(), x.sizes().begin() + axis);
  shape.insert(shape.end(), picks.sizes().begin(), picks.sizes().end());
  shape.insert(shape.end(), x.sizes().begin() + axis + 1, x.sizes().end());
  return x.index_select(axis, torch::where(indices < 0, indices + extent, indices)).reshape(shape);
}

Tensor run(const ir::DepthToSpace& op, const Call& call) {
  const Tensor& x = call.in[0];
  const std::int64_t n = x.size(0), block = op.block, h = x.size(2), w = x.size(3);
  const std::int64_t depth = x.size(1) / (block * block);
  const Tensor moved = op.column_row_depth
                           ? x.reshape({n, depth, block, block, h, w}).permute({0, 1, 4, 2, 5, 3})
                           : x.reshape({n, block, block, depth, h, w}).permute({0, 3, 4, 1, 5, 2});
  return moved.reshape({n, depth, h * block, w * block});
}

Tensor run(const ir::Cast& op, const Call& call) {
  if (op.to != DType::f32 || !call.in[0].is_floating_point()) {
    call.refuse("only floats can be trained, not {}", name_of(op.to));
  }
  return call.in[0];
}

}  // namespace rules

namespace {

/// Split has several outputs; the quantized operators have none here.
struct Executor {
  const Call& call;

  std::vector<torch::Tensor> operator()(const ir::Split& op) const {
    return call.in[0].split_with_sizes(op.sizes, op.axis);
  }
  template <class Op>
  std::vector<torch::Tensor> operator()(const Op& op) const {
    if constexpr (requires { rules::run(op, call); }) {
      return {rules::run(op, call)};
    } else {
      call.refuse("cannot be trained; train the float network and quantize it afterwards");
    }
  }
};

}  // namespace

std::vector<torch::Tensor> execute(const Call& call) {
  for (const torch::Tensor& input : call.in) {
    const bool indices = std::holds_alternative<ir::Gather>(call.node.op);
    if (input.defined() && !input.is_floating_point() && !indices) {
      call.refuse("arithmetic on integers cannot be trained; only floats can");
    }
  }
  return std::visit(Executor{call}, call.node.op);
}

}  // namespace syncopate::train
