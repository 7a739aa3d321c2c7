#include <torch/types.h>

#include <algorithm>
#include <limits>

#include "train/operators.h"

namespace syncopate::train::rules {
namespace {

using torch::Tensor;

/// Pads (or, where negative, crops) the spatial dimensions.
Tensor padded(const Tensor& x, const ir::Ints& before, const ir::Ints& after, double value) {
  ir::Ints pads;  // innermost dimension first
  for (std::size_t d = before.size(); d-- > 0;) {
    pads.push_back(before[d]);
    pads.push_back(after[d]);
  }
  if (std::ranges::all_of(pads, [](std::int64_t pad) { return pad == 0; })) return x;
  return torch::constant_pad_nd(x, pads, value);
}

/// Adds one number per channel, dimension 1.
Tensor with_bias(const Tensor& x, const Tensor& bias) {
  if (!bias.defined()) return x;
  Shape shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = bias.size(0);
  return x + bias.to(x.scalar_type()).view(shape);
}

Tensor cast(const Tensor& x, torch::ScalarType type) { return x.defined() ? x.to(type) : x; }

/// The same of filters. On a GPU in the order that its kernels want, which takes no more than the
/// cast, where each convolution and each of its gradients would see to that again.
Tensor cast_filters(const Tensor& w, torch::ScalarType type) {
  if (!w.is_cuda() || w.dim() != 4) return w.to(type);
  return w.to(w.options().dtype(type), /*non_blocking=*/false, /*copy=*/false,
              torch::MemoryFormat::ChannelsLast);
}

/// The last pads a window needs so that its output has the extents the graph says: less or more
/// than the operator's own, when extents do not divide or round up.
ir::Ints needed_pads(const ir::Window& window, const Tensor& x, const Shape& output) {
  ir::Ints after;
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    const std::int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
    const std::int64_t end = (output[d + 2] - 1) * window.strides[d] + span;
    after.push_back(end - window.pads_begin[d] - x.size(static_cast<std::int64_t>(d) + 2));
  }
  return after;
}

Tensor max_pool(const Tensor& x, const ir::Window& window, const ir::Ints& pads) {
  const auto& [kernel, strides, dilations, begin, end] = window;
  switch (kernel.size()) {
    case 1:
      return torch::max_pool1d(x, kernel, strides, pads, dilations);
    case 2:
      return torch::max_pool2d(x, kernel, strides, pads, dilations);
    default:
      return torch::max_pool3d(x, kernel, strides, pads, dilations);
  }
}

Tensor average_pool(const Tensor& x, const ir::Window& window) {
  const ir::Ints& kernel = window.kernel;
  const ir::Ints none(kernel.size(), 0);
  switch (kernel.size()) {
    case 1:
      return torch::avg_pool1d(x, kernel, window.strides, none);
    case 2:
      return torch::avg_pool2d(x, kernel, window.strides, none);
    default:
      return torch::avg_pool3d(x, kernel, window.strides, none);
  }
}

/// Averages windows with dilation: the mean of shifted, strided views.
Tensor dilated_average(const Tensor& x, const ir::Window& window, const Shape& output) {
  Tensor sum;
  std::int64_t taps = 1;
  for (const std::int64_t extent : window.kernel) taps *= extent;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    Tensor view = x;
    std::int64_t rest = tap;
    for (std::size_t d = window.kernel.size(); d-- > 0;) {
      const std::int64_t start = rest % window.kernel[d] * window.dilations[d];
      rest /= window.kernel[d];
      const std::int64_t stop = start + (output[d + 2] - 1) * window.strides[d] + 1;
      view = view.slice(static_cast<std::int64_t>(d) + 2, start, stop, window.strides[d]);
    }
    sum = sum.defined() ? sum + view : view;
  }
  return sum / static_cast<double>(taps);
}

/// Kernel size over the window positions that count, for every output position: [1, 1, spatial].
Tensor divisor_correction(const ir::Pool& op, const Shape& input, const Tensor& like,
                          const Shape& output) {
  Tensor correction = torch::ones({}, like.options());
  const std::size_t spatial = op.window.kernel.size();
  for (std::size_t d = 0; d < spatial; ++d) {
    std::vector<double> factors;
    const std::int64_t low = op.count_include_pad ? -op.window.pads_begin[d] : 0;
    const std::int64_t high = input[d + 2] + (op.count_include_pad ? op.window.pads_end[d] : 0);
    for (std::int64_t i = 0; i < output[d + 2]; ++i) {
      std::int64_t inside = 0;
      for (std::int64_t k = 0; k < op.window.kernel[d]; ++k) {
        const std::int64_t at =
            i * op.window.strides[d] + k * op.window.dilations[d] - op.window.pads_begin[d];
        inside += at >= low && at < high ? 1 : 0;
      }
      factors.push_back(static_cast<double>(op.window.kernel[d]) /
                        static_cast<double>(std::max<std::int64_t>(inside, 1)));
    }
    Shape shape(spatial + 2, 1);
    shape[d + 2] = output[d + 2];
    correction = correction * torch::tensor(factors, torch::kDouble).to(like.options()).view(shape);
  }
  return correction;
}

bool any(const ir::Ints& values) {
  return std::ranges::any_of(values, [](std::int64_t value) { return value != 0; });
}

}  // namespace

bool is_plain_3x3(const ir::Conv& op) {
  const ir::Ints once{1, 1};
  const ir::Window& window = op.window;
  return window.kernel == ir::Ints{3, 3} && window.strides == once && window.dilations == once &&
         window.pads_begin == once && window.pads_end == once && op.group == 1;
}

Tensor run(const ir::Conv& op, const Call& call) {
  const ir::Window& window = op.window;
  Tensor x = cast(call.in[0], call.compute);
  const Tensor w = cast_filters(call.in[1], call.compute);
  if (suits_winograd(op, x, w)) return with_bias(winograd_conv(x, w), call.bias(2));
  if (suits_patches(op, x, w)) return with_bias(patch_conv(x, w), call.bias(2));
  ir::Ints pads = window.pads_begin;
  if (window.pads_begin != window.pads_end) {
    x = padded(x, window.pads_begin, window.pads_end, 0);
    pads.assign(pads.size(), 0);
  }
  return torch::convolution(x, w, cast(call.bias(2), call.compute), window.strides, pads,
                            window.dilations, false, ir::Ints(pads.size(), 0), op.group);
}

Tensor run(const ir::ConvTranspose& op, const Call& call) {
  const ir::Window& window = op.window;
  const Tensor x = cast(call.in[0], call.compute), w = cast(call.in[1], call.compute);
  const ir::Ints none(window.kernel.size(), 0);
  // In full, then cropped: output padding and unequal pads are the same thing here.
  const Tensor full =
      torch::convolution(x, w, {}, window.strides, none, window.dilations, true, none, op.group);
  ir::Ints before, after;
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    before.push_back(-window.pads_begin[d]);
    after.push_back(op.output_padding[d] - window.pads_end[d]);
  }
  return with_bias(padded(full, before, after, 0), call.bias(2));
}

Tensor run(const ir::Gemm& op, const Call& call) {
  Tensor a = cast(call.in[0], call.compute), b = cast(call.in[1], call.compute);
  if (op.trans_a) a = a.t();
  if (op.trans_b) b = b.t();
  Tensor y = torch::matmul(a, b);
  if (op.alpha != 1) y = y * static_cast<double>(op.alpha);
  if (!call.has(2)) return y;
  const Tensor c = cast(call.in[2], call.compute);
  return y + (op.beta != 1 ? c * static_cast<double>(op.beta) : c);
}

Tensor run(const ir::MatMul&, const Call& call) {
  return torch::matmul(cast(call.in[0], call.compute), cast(call.in[1], call.compute));
}

Tensor run(const ir::BatchNormalization& op, const Call& call) {
  if (call.training && call.in[0].numel() == call.in[0].size(1)) {
    call.refuse("one value per channel has no variance; train on more pictures at once");
  }
  const auto epsilon = static_cast<double>(op.epsilon);
  if (call.training && suits_own_batch_norm(call.in[0], call.in[1])) {
    return own_batch_norm(call, epsilon);
  }
  const Tensor y = torch::batch_norm(call.in[0], call.in[1], call.in[2], call.in[3], call.in[4],
                                     call.training, call.momentum, epsilon, /*cudnn_enabled=*/true);
  return call.rectify ? torch::relu(y) : y;
}

Tensor run(const ir::Pool& op, const Call& call) {
  if (call.uses_output(1)) {
    call.refuse("the output of indices is used; supported is the output of maxima");
  }
  const ir::Window& window = op.window;
  const Shape& output = call.output_shape();
  const ir::Ints after = needed_pads(window, call.in[0], output);
  if (op.kind == ir::PoolKind::max) {
    // torch pads at most half a kernel, alike on both sides; a smaller last pad cuts no window off.
    bool simple = true;
    for (std::size_t d = 0; d < after.size(); ++d) {
      simple &= window.pads_begin[d] <= window.kernel[d] / 2 && after[d] <= window.pads_begin[d] &&
                after[d] + window.strides[d] > window.pads_begin[d];
    }
    if (simple) return max_pool(call.in[0], window, window.pads_begin);
    const Tensor x =
        padded(call.in[0], window.pads_begin, after, -std::numeric_limits<double>::infinity());
    return max_pool(x, window, ir::Ints(after.size(), 0));
  }
  const Tensor x = padded(call.in[0], window.pads_begin, after, 0);
  const bool dilated = std::ranges::any_of(window.dilations, [](auto d) { return d != 1; });
  const Tensor mean = dilated ? dilated_average(x, window, output) : average_pool(x, window);
  const bool overhangs = std::ranges::any_of(after, [](auto pad) { return pad > 0; });
  if (!any(window.pads_begin) && !overhangs) return mean;
  return mean * divisor_correction(op, call.input_shape(0), mean, output);
}

Tensor run(const ir::GlobalPool& op, const Call& call) {
  ir::Ints axes;
  for (std::int64_t d = 2; d < call.in[0].dim(); ++d) axes.push_back(d);
  return op.kind == ir::PoolKind::average ? call.in[0].mean(axes, true)
                                          : torch::amax(call.in[0], axes, true);
}

Tensor run(const ir::Lrn& op, const Call& call) {
  const Tensor& x = call.in[0];
  const bool narrow = x.scalar_type() == torch::kBFloat16;
  const Tensor wide = narrow ? x.to(torch::kFloat) : x;
  const std::int64_t channels = x.size(1);
  const Tensor squares = wide * wide;
  Tensor sum = squares;
  for (std::int64_t shift = -((op.size - 1) / 2); shift <= op.size / 2; ++shift) {
    if (shift == 0 || std::abs(shift) >= channels) continue;
    const std::int64_t count = channels - std::abs(shift);
    const Tensor part = squares.narrow(1, std::max<std::int64_t>(shift, 0), count);
    ir::Ints pads(static_cast<std::size_t>(2 * (x.dim() - 1)), 0);
    pads[pads.size() - 2] = std::max<std::int64_t>(-shift, 0);
    pads[pads.size() - 1] = std::max<std::int64_t>(shift, 0);
    sum = sum + torch::constant_pad_nd(part, pads, 0);
  }
  const double share = static_cast<double>(op.alpha) / static_cast<double>(op.size);
  const Tensor y =
      wide * torch::pow(sum * share + static_cast<double>(op.bias), -static_cast<double>(op.beta));
  return narrow ? y.to(torch::kBFloat16) : y;
}

}  // namespace syncopate::train::rules
