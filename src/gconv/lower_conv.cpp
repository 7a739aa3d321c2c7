#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "gconv/lowering.h"

// Convolutions and batch normalization.

namespace syncopate::gconv::lowering {
namespace {

struct SpatialView {
  std::int64_t base = 0;
  std::vector<std::int64_t> strides;  ///< One per spatial dimension.
};

/// A GCONV over [N,C,...] with the channel dimensions of a grouped convolution set, and views
/// without spatial strides yet. Kernel blocks lie in the order [M][C/group][kernel].
GConv& add_channels(Builder& builder, const std::string& part, std::int64_t group,
                    const Placed& from, const std::string& weights, const Shape& weight_shape,
                    const Placed& to) {
  GConv& gconv = builder.add(part);
  const std::vector<std::string> names = dim_names(to.shape.size());
  const std::int64_t taps = std::accumulate(weight_shape.begin() + 2, weight_shape.end(),
                                            std::int64_t{1}, std::multiplies<>());
  Dim batch;
  batch.name = names[0];
  batch.nopc = batch.nips = to.shape[0];
  Dim channels;
  channels.name = names[1];
  channels.ng = group;
  channels.nop = weight_shape[0] / group;
  channels.nks = channels.nips = weight_shape[1];
  gconv.dims = {batch, channels};
  gconv.channel = names[1];
  gconv.main = Main::mul;
  gconv.reduce = Reduce::add;
  gconv.input = {from.tensor, from.base, {from.stride(0), from.stride(1)}};
  gconv.kernel = View{weights, 0, {0, taps}};
  gconv.output = {to.tensor, to.base, {to.stride(0), to.stride(1)}};
  return gconv;
}

/// Bias as a per-channel affine GCONV from `sum` to the node's output.
void add_bias(Builder& builder, const Placed& sum, const Placed& to, std::vector<double> bias) {
  builder.add_pointwise("bias", sum, to, {affine({1}, std::move(bias))});
}

/// [C, M/group, k...] of a transposed convolution as [M, C/group, k...].
Tensor with_outputs_first(const Tensor& weights, std::int64_t group) {
  Shape shape = weights.shape();
  const std::int64_t ins = shape[0] / group, outs = shape[1];
  shape[0] = outs * group;
  shape[1] = ins;
  const std::int64_t taps = weights.size() / (ins * group * outs);
  Tensor result = Tensor::uninitialized(DType::f32, shape);
  const std::span<const float> from = weights.data<float>();
  const std::span<float> to = result.mutable_data<float>();
  for (std::int64_t g = 0; g < group; ++g) {
    for (std::int64_t m = 0; m < outs; ++m) {
      for (std::int64_t c = 0; c < ins; ++c) {
        const std::int64_t source = ((g * ins + c) * outs + m) * taps;
        const std::int64_t target = ((g * outs + m) * ins + c) * taps;
        std::copy_n(from.begin() + source, taps, to.begin() + target);
      }
    }
  }
  return result;
}

/// One dimension of one phase of a transposed convolution: outputs first, first + step, ... each
/// sum `taps` kernel elements at first_tap, first_tap + tap_step, ...
struct Phase {
  std::int64_t first = 0, outputs = 0;
  std::int64_t first_tap = 0, tap_step = 1, taps = 0;
  std::int64_t dilation = 1;    ///< Of the inputs that meet neighbouring taps.
  std::int64_t last_input = 0;  ///< Input that meets first_tap at output `first`.
};

/// Output o sums the taps k with (o + pad - k*dilation) divisible by the stride, each times input
/// (o + pad - k*dilation) / stride.
Phase phase_of(const ir::Window& window, std::size_t d, std::int64_t first, std::int64_t extent) {
  const std::int64_t stride = window.strides[d], dilation = window.dilations[d];
  Phase phase;
  phase.first = first;
  phase.outputs = (extent - first + stride - 1) / stride;
  phase.tap_step = stride / std::gcd(stride, dilation);
  phase.dilation = dilation / std::gcd(stride, dilation);
  for (std::int64_t k = 0; k < window.kernel[d]; ++k) {
    const std::int64_t offset = first + window.pads_begin[d] - k * dilation;
    if (offset % stride == 0) {
      if (phase.taps++ == 0) {
        phase.first_tap = k;
        phase.last_input = offset / stride;
      }
    }
  }
  return phase;
}

/// The taps run backwards over the inputs, so the kernel view starts at the last one.
void add_phase_dim(GConv& gconv, const Phase& phase, const std::string& name, std::int64_t inputs,
                   std::int64_t input_stride, std::int64_t kernel_stride,
                   std::int64_t output_stride, std::int64_t step) {
  Dim dim;
  dim.name = name;
  dim.nopc = phase.outputs;
  dim.nks = std::max<std::int64_t>(phase.taps, 1);
  dim.dilation = phase.dilation;
  dim.nips = inputs;
  if (phase.taps == 0) {
    dim.pad = phase.outputs;  // no tap meets these outputs: every input is padding
  } else {
    dim.pad = (phase.taps - 1) * phase.dilation - phase.last_input;
    gconv.kernel->base += (phase.first_tap + (phase.taps - 1) * phase.tap_step) * kernel_stride;
  }
  gconv.dims.push_back(dim);
  gconv.input.strides.push_back(input_stride);
  gconv.kernel->strides.push_back(-phase.tap_step * kernel_stride);
  gconv.output.base += phase.first * output_stride;
  gconv.output.strides.push_back(step * output_stride);
}

}  // namespace

GConv& add_conv(Builder& builder, const ir::Window& window, std::int64_t group, const Placed& from,
                const std::string& weights, const Shape& weight_shape, const Placed& to) {
  GConv& gconv = add_channels(builder, "", group, from, weights, weight_shape, to);
  const std::vector<std::string> names = dim_names(to.shape.size());
  const std::vector<std::int64_t> kernel_strides = row_major_strides(weight_shape);
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    Dim dim;
    dim.name = names[d + 2];
    dim.nopc = to.shape[d + 2];
    dim.nks = window.kernel[d];
    dim.stride = window.strides[d];
    dim.dilation = window.dilations[d];
    dim.pad = window.pads_begin[d];
    dim.nips = from.shape[d + 2];
    gconv.dims.push_back(dim);
    gconv.input.strides.push_back(from.stride(d + 2));
    gconv.kernel->strides.push_back(kernel_strides[d + 2]);
    gconv.output.strides.push_back(to.stride(d + 2));
  }
  return gconv;
}

void lower(Builder& builder, const ir::Conv& op) {
  const Placed from = builder.simple_input(0);
  const Shape weight_shape = builder.constant(1, "the weights").shape();
  const std::string weights = builder.add_weights(1);
  if (!builder.has_input(2)) {
    add_conv(builder, op.window, op.group, from, weights, weight_shape, builder.create_output());
    return;
  }
  const std::vector<double> bias = builder.constant_values(2, "the bias");
  const Placed sum = builder.create_step("sum", builder.output_shape());
  add_conv(builder, op.window, op.group, from, weights, weight_shape, sum);
  add_bias(builder, sum, builder.create_output(), bias);
}

void lower(Builder& builder, const ir::ConvTranspose& op) {
  const Placed from = builder.simple_input(0);
  const Tensor weights = with_outputs_first(builder.constant(1, "the weights"), op.group);
  const Placed to = builder.create_output();
  const std::string name = builder.add_constant(to.tensor + "/weights", weights);
  const std::vector<double> bias =
      builder.has_input(2) ? builder.constant_values(2, "the bias") : std::vector<double>{};
  const std::vector<std::string> names = dim_names(to.shape.size());
  const std::vector<std::int64_t> kernel_strides = row_major_strides(weights.shape());
  const std::size_t spatial = op.window.kernel.size();
  std::vector<std::int64_t> first(spatial, 0);
  while (true) {
    GConv& gconv = add_channels(builder, fmt::format("phase{}", fmt::join(first, ",")), op.group,
                                from, name, weights.shape(), to);
    for (std::size_t d = 0; d < spatial; ++d) {
      const Phase phase = phase_of(op.window, d, first[d], to.shape[d + 2]);
      add_phase_dim(gconv, phase, names[d + 2], from.shape[d + 2], from.stride(d + 2),
                    kernel_strides[d + 2], to.stride(d + 2), op.window.strides[d]);
    }
    if (!bias.empty()) {
      gconv.post.push_back(affine({1}, bias));
    }
    std::size_t d = spatial;
    while (d > 0 && ++first[d - 1] >= std::min(op.window.strides[d - 1], to.shape[d + 1])) {
      first[--d] = 0;
    }
    if (d == 0) {
      return;
    }
  }
}

void lower(Builder& builder, const ir::BatchNormalization& op) {
  const std::vector<double> gamma = builder.constant_values(1, "the scale");
  const std::vector<double> beta = builder.constant_values(2, "the bias");
  const std::vector<double> mean = builder.constant_values(3, "the mean");
  const std::vector<double> variance = builder.constant_values(4, "the variance");
  std::vector<double> scale(gamma.size()), bias(gamma.size());
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    scale[c] = gamma[c] / std::sqrt(variance[c] + static_cast<double>(op.epsilon));
    bias[c] = beta[c] - mean[c] * scale[c];
  }
  const Placed from = builder.simple_input(0);
  builder.add_pointwise("", from, builder.create_output(), {affine(scale, bias)});
}

}  // namespace syncopate::gconv::lowering
