#include <cmath>

#include "gconv/lowering.h"

// QDQ networks and QLinear operators, as real-valued chains: QuantizeLinear clamps to the range it
// can represent and prescribes its step; docs/rationale/gconv.md.

namespace syncopate::gconv::lowering {
namespace {

struct IntegerRange {
  double low = 0, high = 0;
};

IntegerRange range_of(const Builder& builder, DType type) {
  switch (type) {
    case DType::i8:
      return {-128, 127};
    case DType::u8:
      return {0, 255};
    case DType::i16:
      return {-32768, 32767};
    case DType::u16:
      return {0, 65535};
    default:
      builder.refuse("quantized type {}; supported are i8, u8, i16, u16", name_of(type));
  }
}

/// Elements of a constant of any integer type.
std::vector<double> integers(const Builder& builder, const Tensor& tensor) {
  const auto copy = [](auto values) { return std::vector<double>(values.begin(), values.end()); };
  switch (tensor.dtype()) {
    case DType::i8:
      return copy(tensor.data<std::int8_t>());
    case DType::u8:
      return copy(tensor.data<std::uint8_t>());
    case DType::i16:
      return copy(tensor.data<std::int16_t>());
    case DType::u16:
      return copy(tensor.data<std::uint16_t>());
    case DType::i32:
      return copy(tensor.data<std::int32_t>());
    default:
      builder.refuse("a quantized constant has type {}", name_of(tensor.dtype()));
  }
}

/// Scale and zero point given by two constant inputs; one entry, or one per channel.
struct Parameters {
  std::vector<double> scale, zero_point;
  DType type = DType::u8;
};

Parameters parameters(const Builder& builder, std::size_t scale, std::size_t zero_point) {
  Parameters result;
  result.scale = builder.constant_values(scale, "the quantization scale");
  for (const double step : result.scale) {
    if (!(step > 0 && std::isfinite(step))) {
      builder.refuse("a quantization scale is {}; expected a positive number", step);
    }
  }
  result.zero_point.assign(result.scale.size(), 0);
  if (builder.has_input(zero_point)) {
    const Tensor* zeros = builder.constant_or_null(zero_point);
    if (zeros == nullptr) {
      builder.refuse("the zero point must be a constant");
    }
    result.type = zeros->dtype();
    result.zero_point = integers(builder, *zeros);
    result.zero_point.resize(result.scale.size(), result.zero_point.at(0));
  }
  return result;
}

void check_per_tensor(const Builder& builder, const Parameters& parameters) {
  if (parameters.scale.size() != 1) {
    builder.refuse("an activation with {} scales; supported is one per tensor",
                   parameters.scale.size());
  }
}

/// Clamps `from` to what the type can represent, into the node's output.
void add_quantize(Builder& builder, const std::string& part, const Placed& from,
                  const Parameters& target) {
  check_per_tensor(builder, target);
  const double scale = target.scale[0], zero = target.zero_point[0];
  const IntegerRange range = range_of(builder, target.type);
  Placed to = builder.create_output();
  builder.add_pointwise(part, from, to,
                        {clamp((range.low - zero) * scale, (range.high - zero) * scale)});
  builder.chain().tensor(to.tensor).scale = scale;
  to.quantized = QuantizedAs{scale, static_cast<std::int64_t>(zero)};
  builder.bind(to);
}

/// The real value of an activation that the node reads with these parameters.
Placed dequantized(Builder& builder, Placed value, const Parameters& source) {
  check_per_tensor(builder, source);
  if (!value.quantized || value.quantized->scale != source.scale[0] ||
      static_cast<double>(value.quantized->zero_point) != source.zero_point[0]) {
    builder.refuse("the input was not quantized with this scale and zero point");
  }
  value.quantized.reset();
  return value;
}

/// Real weights of a constant, and the steps they came in.
struct RealWeights {
  Tensor values;
  std::vector<double> channel_scale;
  double scale = 0;
};

RealWeights real_weights(const Builder& builder, const Tensor& constant, const Parameters& source,
                         std::int64_t axis) {
  const std::vector<double> stored = integers(builder, constant);
  const Shape& shape = constant.shape();
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto channels = static_cast<std::int64_t>(source.scale.size());
  std::int64_t inner = 1;
  for (std::int64_t i = (axis < 0 ? axis + rank : axis) + 1; i < rank; ++i) {
    inner *= shape[static_cast<std::size_t>(i)];
  }
  RealWeights result{Tensor::uninitialized(DType::f32, shape), {}, 0};
  const std::span<float> values = result.values.mutable_data<float>();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) / inner % channels;
    const auto channel = static_cast<std::size_t>(channels == 1 ? 0 : c);
    values[i] =
        static_cast<float>((stored[i] - source.zero_point[channel]) * source.scale[channel]);
  }
  const bool first = axis == 0 || channels == 1;
  if (first && constant.dtype() != DType::i32) {
    if (channels == 1) {
      result.scale = source.scale[0];
    } else {
      result.channel_scale = source.scale;
    }
  }
  return result;
}

std::string add_real_weights(Builder& builder, std::size_t index, const RealWeights& weights) {
  const std::string name =
      builder.add_constant(builder.input_name(index) + "/real", weights.values);
  builder.chain().tensor(name).channel_scale = weights.channel_scale;
  builder.chain().tensor(name).scale = weights.scale;
  return name;
}

const Tensor& integer_constant(const Builder& builder, std::size_t index, std::string_view what) {
  const Tensor* tensor = builder.constant_or_null(index);
  if (tensor == nullptr) {
    builder.refuse("{} must be a constant", what);
  }
  return *tensor;
}

}  // namespace

void lower(Builder& builder, const ir::QuantizeLinear&) {
  add_quantize(builder, "", builder.simple_input(0), parameters(builder, 1, 2));
}

void lower(Builder& builder, const ir::DequantizeLinear& op) {
  const Parameters source = parameters(builder, 1, 2);
  const Tensor* constant = builder.constant_or_null(0);
  if (constant == nullptr) {
    builder.bind(dequantized(builder, builder.input(0), source));
    return;
  }
  RealWeights weights = real_weights(builder, *constant, source, op.axis);
  builder.bind_constant(std::move(weights.values), std::move(weights.channel_scale), weights.scale);
}

void lower(Builder& builder, const ir::QLinearConv& op) {
  const Placed from = dequantized(builder, builder.simple_input(0), parameters(builder, 1, 2));
  const double input_scale = builder.constant_values(1, "the quantization scale")[0];
  const Parameters source = parameters(builder, 4, 5);
  const Tensor& stored = integer_constant(builder, 3, "the weights");
  const std::string weights =
      add_real_weights(builder, 3, real_weights(builder, stored, source, 0));
  const Placed sum = builder.create_step("sum", builder.output_shape());
  add_conv(builder, op.window, op.group, from, weights, stored.shape(), sum);
  Placed result = sum;
  if (builder.has_input(8)) {
    std::vector<double> bias = integers(builder, integer_constant(builder, 8, "the bias"));
    for (std::size_t c = 0; c < bias.size(); ++c) {
      bias[c] *= input_scale * source.scale[source.scale.size() == 1 ? 0 : c];
    }
    result = builder.create_step("biased", builder.output_shape());
    builder.add_pointwise("bias", sum, result, {affine({1}, bias)});
  }
  add_quantize(builder, "quantize", result, parameters(builder, 6, 7));
}

void lower(Builder& builder, const ir::QLinearMatMul&) {
  const Placed from = dequantized(builder, builder.simple_input(0), parameters(builder, 1, 2));
  const Placed product = builder.create_step("product", builder.output_shape());
  if (builder.is_constant(3)) {
    const Tensor& stored = integer_constant(builder, 3, "the second operand");
    const RealWeights weights = real_weights(builder, stored, parameters(builder, 4, 5),
                                             static_cast<std::int64_t>(stored.shape().size()) - 1);
    add_matmul(builder, from, nullptr, &weights.values, builder.input_name(3) + "/real", product);
  } else {
    const Placed other = dequantized(builder, builder.simple_input(3), parameters(builder, 4, 5));
    add_matmul(builder, from, &other, nullptr, "", product);
  }
  add_quantize(builder, "quantize", product, parameters(builder, 6, 7));
}

}  // namespace syncopate::gconv::lowering
