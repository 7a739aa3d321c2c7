#include "ir/fold_kernels.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ir/shapes.h"

namespace syncopate::ir {
namespace {

/// Calls `f` with a value of the C++ type behind `dtype`.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::i8:
      return f(std::int8_t{});
    case DType::u8:
      return f(std::uint8_t{});
    case DType::i16:
      return f(std::int16_t{});
    case DType::u16:
      return f(std::uint16_t{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::u32:
      return f(std::uint32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::boolean:
      return f(bool{});
  }
  broken("unknown element type");
}

/// Visits the rows of a shape (all but the innermost dimension): `f(offset of the row)`, where the
/// offset follows `strides`.
template <class F>
void for_each_row(const Shape& shape, std::int64_t offset, std::span<const std::int64_t> strides,
                  F&& f) {
  if (element_count(shape) == 0) return;
  const std::size_t outer = shape.empty() ? 0 : shape.size() - 1;
  std::vector<std::int64_t> at(outer, 0);
  while (true) {
    f(offset);
    std::size_t d = outer;
    while (d > 0) {
      --d;
      offset += strides[d];
      if (++at[d] < shape[d]) break;
      offset -= strides[d] * shape[d];
      at[d] = 0;
      if (d == 0) return;
    }
    if (outer == 0) return;
  }
}

/// Row-major strides of `shape` seen from a broadcast result of `rank` dimensions: zero where it is
/// repeated.
std::vector<std::int64_t> broadcast_strides(const Shape& shape, std::size_t rank) {
  const auto own = row_major_strides(shape);
  std::vector<std::int64_t> strides(rank, 0);
  const std::size_t shift = rank - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d) strides[d + shift] = shape[d] == 1 ? 0 : own[d];
  return strides;
}

template <class T>
T compute(BinaryKind kind, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    switch (kind) {
      case BinaryKind::add:
        return a + b;
      case BinaryKind::sub:
        return a - b;
      case BinaryKind::mul:
        return a * b;
      case BinaryKind::div:
        return a / b;
    }
  } else {
    // Two's complement arithmetic in 64 unsigned bits wraps as ONNX leaves it, without overflow.
    const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
    switch (kind) {
      case BinaryKind::add:
        return static_cast<T>(x + y);
      case BinaryKind::sub:
        return static_cast<T>(x - y);
      case BinaryKind::mul:
        return static_cast<T>(x * y);
      case BinaryKind::div:
        if (b == 0) fail("an integer constant is divided by zero");
        if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0 - x);
        return static_cast<T>(a / b);
    }
  }
  broken("unknown arithmetic");
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return 0;
    // Powers of two are exact in float; the largest integer itself need not be.
    const float high = std::ldexp(1.0F, std::numeric_limits<To>::digits);
    if (value >= high) return std::numeric_limits<To>::max();
    if (value <= (std::is_signed_v<To> ? -high : 0.0F)) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

Tensor filled(const Tensor& value, const Shape& shape) {
  Tensor result = Tensor::uninitialized(value.dtype(), shape);
  with_type(value.dtype(),
            [&]<class T>(T) { std::ranges::fill(result.mutable_data<T>(), value.data<T>()[0]); });
  return result;
}

Tensor strided(const Tensor& source, std::int64_t offset, std::span<const std::int64_t> strides,
               const Shape& shape) {
  Tensor result = Tensor::uninitialized(source.dtype(), shape);
  const std::int64_t width = shape.empty() ? 1 : shape.back();
  const std::int64_t step = shape.empty() ? 1 : strides.back();
  with_type(source.dtype(), [&]<class T>(T) {
    const T* from = source.data<T>().data();
    T* to = result.mutable_data<T>().data();
    for_each_row(shape, offset, strides, [&](std::int64_t at) {
      if (step == 1) {
        std::memcpy(to, from + at, static_cast<std::size_t>(width) * sizeof(T));
      } else {
        for (std::int64_t i = 0; i < width; ++i) to[i] = from[at + i * step];
      }
      to += width;
    });
  });
  return result;
}

Tensor joined(std::span<const Tensor> parts, std::int64_t axis, const Shape& shape) {
  Tensor result = Tensor::uninitialized(parts[0].dtype(), shape);
  std::byte* to = result.mutable_raw().data();
  const std::int64_t outer = element_count(Shape(shape.begin(), shape.begin() + axis));
  for (std::int64_t i = 0; i < outer; ++i) {
    for (const Tensor& part : parts) {
      const std::size_t run = part.bytes() / static_cast<std::size_t>(outer);
      if (run == 0) continue;
      std::memcpy(to, part.raw().data() + static_cast<std::size_t>(i) * run, run);
      to += run;
    }
  }
  return result;
}

Tensor gathered(const Tensor& data, const Tensor& indices, std::int64_t axis, const Shape& shape) {
  Tensor result = Tensor::uninitialized(data.dtype(), shape);
  const Shape& from = data.shape();
  const std::int64_t extent = from[static_cast<std::size_t>(axis)];
  for (std::int64_t index : indices.data<std::int64_t>()) {
    if (index < -extent || index >= extent) {
      fail("index {} does not exist in axis {} of {}", index, axis, to_string(from));
    }
  }
  if (result.empty()) return result;
  const std::int64_t outer = element_count(Shape(from.begin(), from.begin() + axis));
  const std::size_t run =
      data.bytes() / static_cast<std::size_t>(outer) / static_cast<std::size_t>(extent);
  std::byte* to = result.mutable_raw().data();
  for (std::int64_t i = 0; i < outer; ++i) {
    for (std::int64_t index : indices.data<std::int64_t>()) {
      const std::int64_t at = i * extent + (index < 0 ? index + extent : index);
      std::memcpy(to, data.raw().data() + static_cast<std::size_t>(at) * run, run);
      to += run;
    }
  }
  return result;
}

Tensor converted(const Tensor& source, DType to, const Shape& shape) {
  Tensor result = Tensor::uninitialized(to, shape);
  with_type(source.dtype(), [&]<class From>(From) {
    with_type(to, [&]<class To>(To) {
      const auto in = source.data<From>();
      const auto out = result.mutable_data<To>();
      for (std::size_t i = 0; i < in.size(); ++i) out[i] = convert<To>(in[i]);
    });
  });
  return result;
}

Tensor arithmetic(BinaryKind kind, const Tensor& a, const Tensor& b, const Shape& shape) {
  Tensor result = Tensor::uninitialized(a.dtype(), shape);
  const auto a_strides = broadcast_strides(a.shape(), shape.size());
  const auto b_strides = broadcast_strides(b.shape(), shape.size());
  std::vector<std::int64_t> b_offsets;
  for_each_row(shape, 0, b_strides, [&](std::int64_t at) { b_offsets.push_back(at); });
  const std::int64_t width = shape.empty() ? 1 : shape.back();
  const std::int64_t a_step = shape.empty() ? 0 : a_strides.back();
  const std::int64_t b_step = shape.empty() ? 0 : b_strides.back();
  with_type(a.dtype(), [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>) {
      const T* x = a.data<T>().data();
      const T* y = b.data<T>().data();
      T* to = result.mutable_data<T>().data();
      std::size_t row = 0;
      for_each_row(shape, 0, a_strides, [&](std::int64_t at) {
        const std::int64_t other = b_offsets[row++];
        for (std::int64_t i = 0; i < width; ++i) {
          to[i] = compute(kind, x[at + i * a_step], y[other + i * b_step]);
        }
        to += width;
      });
    }
  });
  return result;
}

Tensor quantized(const Tensor& x, const Tensor& scale, const Tensor& zero, std::int64_t axis,
                 const Shape& shape) {
  Tensor result = Tensor::uninitialized(zero.dtype(), shape);
  const Tensor values = converted(x, DType::f32, shape);
  const Tensor zeros = converted(zero, DType::f32, zero.shape());
  std::int64_t channels = 1, inner = std::max<std::int64_t>(1, element_count(shape));
  if (scale.size() > 1) {
    const auto dim = static_cast<std::size_t>(normalize_axis(axis, shape.size()));
    channels = shape[dim];
    inner = element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(dim) + 1, shape.end()));
  }
  with_type(zero.dtype(), [&]<class T>(T) {
    if constexpr (std::is_integral_v<T> && sizeof(T) <= 2) {
      const auto in = values.data<float>();
      const auto out = result.mutable_data<T>();
      for (std::size_t i = 0; i < in.size(); ++i) {
        const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels);
        // nearbyint rounds half to even in the default rounding mode.
        const float real = std::nearbyint(in[i] / scale.data<float>()[c]) +
                           zeros.data<float>()[zeros.size() > 1 ? c : 0];
        out[i] = convert<T>(real);
      }
    }
  });
  return result;
}

}  // namespace syncopate::ir
