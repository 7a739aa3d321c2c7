#include <atomic>
#include <cmath>
#include <limits>

#include "ir/shapes.h"
#include "ref/float_kernels.h"
#include "ref/float_parallel.h"

namespace syncopate::ref {

void run_plain(const Operands& operands) {
  std::visit([&](const auto& op) { plain::run(op, operands); }, operands.node.op);
}

float apply_unary(const ir::Unary& op, float x) {
  // Comparisons are written so that NaN falls through to the branch that returns it.
  const auto clip = [](float v, float low, float high) {
    const float raised = v < low ? low : v;
    return raised > high ? high : raised;
  };
  switch (op.kind) {
    case ir::UnaryKind::relu:
      return x <= 0 ? 0 : x;
    case ir::UnaryKind::leaky_relu:
      return x < 0 ? op.alpha * x : x;
    case ir::UnaryKind::clip:
      return clip(x, op.alpha, op.beta);
    case ir::UnaryKind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case ir::UnaryKind::tanh:
      return std::tanh(x);
    case ir::UnaryKind::hard_sigmoid:
      return clip(op.alpha * x + op.beta, 0, 1);
    case ir::UnaryKind::hard_swish:
      return x * clip(x / 6 + 0.5F, 0, 1);
    case ir::UnaryKind::identity:
      break;
  }
  return x;
}

Shape broadcast_strides(const Shape& shape, const Shape& to) {
  const Shape own = row_major_strides(shape);
  Shape strides(to.size(), 0);
  const std::size_t lead = to.size() - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d) strides[lead + d] = shape[d] == 1 ? 0 : own[d];
  return strides;
}

namespace plain {
namespace {

/// Bounds of a Clip on integers, where an infinite or huge bound means none.
template <class T>
T clamp_to(float bound) {
  const auto wide = static_cast<double>(bound);
  if (wide <= static_cast<double>(std::numeric_limits<T>::lowest())) {
    return std::numeric_limits<T>::lowest();
  }
  if (wide >= static_cast<double>(std::numeric_limits<T>::max())) {
    return std::numeric_limits<T>::max();
  }
  return static_cast<T>(wide);
}

template <class T>
void unary_integers(const ir::Unary& op, const T* x, T* y, std::int64_t count) {
  const bool relu = op.kind == ir::UnaryKind::relu;
  const T low = relu ? T{0} : clamp_to<T>(op.alpha);
  const T high = relu ? std::numeric_limits<T>::max() : clamp_to<T>(op.beta);
  parallel_each(count, 1, [&](std::int64_t i) { y[i] = std::min(std::max(x[i], low), high); });
}

/// Calls body(a offset, b offset, y offset, a step, b step) for every innermost row of y.
template <class Body>
void for_broadcast_rows(const Shape& a, const Shape& b, const Shape& y, const Body& body) {
  const Shape as = broadcast_strides(a, y), bs = broadcast_strides(b, y);
  const std::int64_t row = y.empty() ? 1 : y.back();
  const std::int64_t a_step = y.empty() ? 0 : as.back(), b_step = y.empty() ? 0 : bs.back();
  const std::int64_t rows = row == 0 ? 0 : element_count(y) / row;
  parallel_each(rows, row, [&](std::int64_t r) {
    std::int64_t rest = r, at_a = 0, at_b = 0;
    for (std::size_t d = y.size(); d-- > 1;) {
      const std::size_t outer = d - 1;
      at_a += rest % y[outer] * as[outer];
      at_b += rest % y[outer] * bs[outer];
      rest /= y[outer];
    }
    body(at_a, at_b, r * row, a_step, b_step);
  });
}

/// y = f(a, b) with broadcasting. Equal shapes collapse to one long row cut into pieces.
template <class T, class F>
void broadcast(const View& a, const View& b, const View& y, const F& f) {
  const T *pa = a.as<T>(), *pb = b.as<T>();
  T* py = y.as<T>();
  if (a.shape == b.shape) {
    parallel_each(y.size(), 1, [&](std::int64_t i) { py[i] = f(pa[i], pb[i]); });
    return;
  }
  const std::int64_t row = y.shape.empty() ? 1 : y.shape.back();
  for_broadcast_rows(a.shape, b.shape, y.shape,
                     [&](std::int64_t at_a, std::int64_t at_b, std::int64_t at_y,
                         std::int64_t a_step, std::int64_t b_step) {
                       for (std::int64_t i = 0; i < row; ++i) {
                         py[at_y + i] = f(pa[at_a + i * a_step], pb[at_b + i * b_step]);
                       }
                     });
}

/// Integer arithmetic wraps around, as in ONNX Runtime and numpy.
template <class T>
T wrap(T a, T b, ir::BinaryKind kind) {
  using U = std::make_unsigned_t<std::common_type_t<T, int>>;
  const auto x = static_cast<U>(a), z = static_cast<U>(b);
  switch (kind) {
    case ir::BinaryKind::add:
      return static_cast<T>(x + z);
    case ir::BinaryKind::sub:
      return static_cast<T>(x - z);
    case ir::BinaryKind::mul:
      return static_cast<T>(x * z);
    case ir::BinaryKind::div:
      break;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == T{-1}) return static_cast<T>(U{0} - x);
  }
  return static_cast<T>(a / b);
}

template <class T>
void binary_integers(const ir::Binary& op, const Operands& o) {
  if (op.kind == ir::BinaryKind::div) {
    const T* divisor = o.in[1].as<T>();
    if (std::find(divisor, divisor + o.in[1].size(), T{0}) != divisor + o.in[1].size()) {
      fail("{} (Div): integer division by zero", o.node.name);
    }
  }
  broadcast<T>(o.in[0], o.in[1], o.out[0], [&](T a, T b) { return wrap(a, b, op.kind); });
}

void binary_floats(const ir::Binary& op, const Operands& o) {
  const View &a = o.in[0], &b = o.in[1], &y = o.out[0];
  switch (op.kind) {
    case ir::BinaryKind::add:
      return broadcast<float>(a, b, y, [](float p, float q) { return p + q; });
    case ir::BinaryKind::sub:
      return broadcast<float>(a, b, y, [](float p, float q) { return p - q; });
    case ir::BinaryKind::mul:
      return broadcast<float>(a, b, y, [](float p, float q) { return p * q; });
    case ir::BinaryKind::div:
      return broadcast<float>(a, b, y, [](float p, float q) { return p / q; });
  }
}

/// Scale and zero point of QuantizeLinear and DequantizeLinear: one, or one per extent of an axis.
struct Quantization {
  const float* scale;
  std::vector<double> zero;
  std::int64_t channels;  ///< 1 when per tensor.
  std::int64_t inner;     ///< Elements below the axis.
};

Quantization quantization(const Operands& o, std::int64_t axis) {
  const View &x = o.in[0], &scale = o.in[1];
  Quantization q{scale.as<float>(), {}, scale.size(), x.size()};
  if (q.channels > 1) {
    const auto dim = static_cast<std::size_t>(ir::normalize_axis(axis, x.shape.size()));
    q.inner =
        element_count(Shape(x.shape.begin() + static_cast<std::ptrdiff_t>(dim) + 1, x.shape.end()));
  }
  q.zero.assign(static_cast<std::size_t>(q.channels), 0.0);
  if (const View zero = o.input(2)) {
    visit_number(zero.dtype, [&](auto sample) {
      const auto* values = zero.as<decltype(sample)>();
      for (std::size_t c = 0; c < q.zero.size(); ++c) q.zero[c] = static_cast<double>(values[c]);
    });
  }
  return q;
}

template <class X, class Y>
void quantize(const Quantization& q, const Operands& o) {
  const X* x = o.in[0].as<X>();
  Y* y = o.out[0].as<Y>();
  constexpr auto kLow = static_cast<double>(std::numeric_limits<Y>::lowest());
  constexpr auto kHigh = static_cast<double>(std::numeric_limits<Y>::max());
  std::atomic<bool> undefined = false;
  const std::int64_t inner = std::max<std::int64_t>(q.inner, 1);
  parallel_each(o.in[0].size() / inner, inner, [&](std::int64_t row) {
    const std::int64_t channel = row % q.channels;
    const float scale = q.scale[channel];
    const double zero = q.zero[static_cast<std::size_t>(channel)];
    bool nan = false;
    for (std::int64_t i = row * inner; i < (row + 1) * inner; ++i) {
      const double level =
          static_cast<double>(std::nearbyint(static_cast<float>(x[i]) / scale)) + zero;
      nan |= std::isnan(level);
      y[i] = static_cast<Y>(level > kLow ? std::min(level, kHigh) : kLow);
    }
    if (nan) undefined = true;
  });
  if (undefined) fail("{} (QuantizeLinear): NaN has no integer value", o.node.name);
}

template <class X>
void dequantize(const Quantization& q, const Operands& o) {
  const X* x = o.in[0].as<X>();
  float* y = o.out[0].as<float>();
  const std::int64_t inner = std::max<std::int64_t>(q.inner, 1);
  parallel_each(o.in[0].size() / inner, inner, [&](std::int64_t row) {
    const std::int64_t channel = row % q.channels;
    const float scale = q.scale[channel];
    const double zero = q.zero[static_cast<std::size_t>(channel)];
    for (std::int64_t i = row * inner; i < (row + 1) * inner; ++i) {
      y[i] = static_cast<float>(static_cast<double>(x[i]) - zero) * scale;
    }
  });
}

/// Floats turn into integers by truncation and saturation; integers wrap around.
template <class To, class From>
To cast_one(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{};
  } else if constexpr (std::is_same_v<From, float> && std::is_integral_v<To>) {
    // 2^digits is exact in float, the largest integer itself may not be.
    const float limit = std::ldexp(1.0F, std::numeric_limits<To>::digits);
    if (!(x < limit)) return std::numeric_limits<To>::max();
    if (x < static_cast<float>(std::numeric_limits<To>::lowest())) {
      return std::numeric_limits<To>::lowest();
    }
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void cast(const Operands& o) {
  const From* x = o.in[0].as<From>();
  To* y = o.out[0].as<To>();
  const std::int64_t count = o.in[0].size();
  if constexpr (std::is_same_v<From, float> && std::is_integral_v<To> &&
                !std::is_same_v<To, bool>) {
    if (std::any_of(x, x + count, [](float v) { return std::isnan(v); })) {
      fail("{} (Cast): NaN has no integer value", o.node.name);
    }
  }
  parallel_each(count, 1, [&](std::int64_t i) { y[i] = cast_one<To>(x[i]); });
}

}  // namespace

void run(const ir::Unary& op, const Operands& o) {
  const View &x = o.in[0], &y = o.out[0];
  if (op.kind == ir::UnaryKind::identity) {
    std::copy_n(x.data, static_cast<std::size_t>(x.size()) * size_of(x.dtype), y.data);
  } else if (x.dtype != DType::f32) {
    visit_number(x.dtype, [&](auto sample) {
      using T = decltype(sample);
      unary_integers<T>(op, x.as<T>(), y.as<T>(), x.size());
    });
  } else {
    const float* from = x.as<float>();
    float* to = y.as<float>();
    parallel_each(x.size(), 8, [&](std::int64_t i) { to[i] = apply_unary(op, from[i]); });
  }
}

void run(const ir::PRelu&, const Operands& o) {
  broadcast<float>(o.in[0], o.in[1], o.out[0],
                   [](float x, float slope) { return x < 0 ? slope * x : x; });
}

void run(const ir::Binary& op, const Operands& o) {
  visit_number(o.in[0].dtype, [&](auto sample) {
    using T = decltype(sample);
    if constexpr (std::is_same_v<T, float>) {
      binary_floats(op, o);
    } else {
      binary_integers<T>(op, o);
    }
  });
}

void run(const ir::BatchNormalization& op, const Operands& o) {
  const float *x = o.in[0].as<float>(), *scale = o.in[1].as<float>(), *bias = o.in[2].as<float>();
  const float *mean = o.in[3].as<float>(), *variance = o.in[4].as<float>();
  float* y = o.out[0].as<float>();
  const std::int64_t channels = o.in[0].shape[1], planes = o.in[0].shape[0] * channels;
  const std::int64_t plane = planes == 0 ? 0 : o.in[0].size() / planes;
  parallel_each(planes, plane, [&](std::int64_t p) {
    const std::int64_t c = p % channels;
    const float factor = scale[c] / std::sqrt(variance[c] + op.epsilon);
    for (std::int64_t i = p * plane; i < (p + 1) * plane; ++i) {
      y[i] = (x[i] - mean[c]) * factor + bias[c];
    }
  });
}

void run(const ir::QuantizeLinear& op, const Operands& o) {
  const Quantization q = quantization(o, op.axis);
  visit_number(o.out[0].dtype, [&](auto sample) {
    using Y = decltype(sample);
    if constexpr (sizeof(Y) <= 2) {
      if (o.in[0].dtype == DType::f32) {
        quantize<float, Y>(q, o);
      } else {
        quantize<std::int32_t, Y>(q, o);
      }
    } else {
      broken("quantizing to {}", name_of(o.out[0].dtype));
    }
  });
}

void run(const ir::DequantizeLinear& op, const Operands& o) {
  const Quantization q = quantization(o, op.axis);
  visit_number(o.in[0].dtype, [&](auto sample) { dequantize<decltype(sample)>(q, o); });
}

void run(const ir::Cast& op, const Operands& o) {
  visit_type(o.in[0].dtype, [&](auto from) {
    visit_type(op.to, [&](auto to) { cast<decltype(from), decltype(to)>(o); });
  });
}

}  // namespace plain
}  // namespace syncopate::ref
