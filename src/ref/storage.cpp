#include "ref/storage.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace syncopate::ref {
namespace {

/// Copies `count(shape)` elements of `width` bytes, walking `shape` in row-major order of the
/// storage and the logical side by `strides`.
template <class Copy>
void walk(const Shape& shape, const std::vector<std::int64_t>& strides, std::size_t d,
          std::int64_t logical, std::int64_t& stored, const Copy& copy) {
  if (d == shape.size()) {
    copy(static_cast<std::size_t>(logical), static_cast<std::size_t>(stored++));
    return;
  }
  for (std::int64_t i = 0; i < shape[d]; ++i) {
    walk(shape, strides, d + 1, logical + i * strides[d], stored, copy);
  }
}

template <class Copy>
void for_each_stored(const gconv::TensorInfo& info, const Copy& copy) {
  const std::vector<std::int64_t> logical_strides = row_major_strides(info.shape);
  Shape shape;
  std::vector<std::int64_t> strides;
  for (const std::size_t d : storage_order(info)) {
    shape.push_back(info.shape[d]);
    strides.push_back(logical_strides[d]);
  }
  std::int64_t stored = 0;
  walk(shape, strides, 0, 0, stored, copy);
}

template <class T>
void quantize_into(std::span<const float> values, double scale, const std::string& name,
                   std::span<T> result) {
  const double limit = std::numeric_limits<T>::max();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) fail("input '{}' holds NaN at element {}", name, i);
    const double rounded = std::nearbyint(static_cast<double>(values[i]) / scale);
    result[i] = static_cast<T>(std::clamp(rounded, -limit, limit));
  }
}

}  // namespace

std::vector<std::size_t> storage_order(const gconv::TensorInfo& info) {
  if (info.layout.empty()) return {};
  std::vector<std::size_t> order;
  std::size_t next = 2;
  bool identity = true;
  for (const char letter : info.layout) {
    order.push_back(letter == 'N' ? 0 : letter == 'C' ? 1 : next++);
    identity = identity && order.back() == order.size() - 1;
  }
  if (order.size() != info.shape.size()) {
    broken("layout {} does not fit shape {}", info.layout, to_string(info.shape));
  }
  return identity ? std::vector<std::size_t>{} : order;
}

Tensor to_storage(const Tensor& logical, const gconv::TensorInfo& info) {
  if (storage_order(info).empty()) return logical.reshaped({logical.size()});
  Tensor result = Tensor::uninitialized(logical.dtype(), {logical.size()});
  const std::size_t width = size_of(logical.dtype());
  const std::byte* from = logical.raw().data();
  std::byte* to = result.mutable_raw().data();
  for_each_stored(info, [&](std::size_t l, std::size_t s) {
    std::memcpy(to + s * width, from + l * width, width);
  });
  return result;
}

Tensor to_logical(const Tensor& stored, const gconv::TensorInfo& info) {
  const bool fits = element_count(info.shape) == stored.size();
  if (storage_order(info).empty()) return fits ? stored.reshaped(info.shape) : stored;
  Tensor result = Tensor::uninitialized(stored.dtype(), info.shape);
  const std::size_t width = size_of(stored.dtype());
  const std::byte* from = stored.raw().data();
  std::byte* to = result.mutable_raw().data();
  for_each_stored(info, [&](std::size_t l, std::size_t s) {
    std::memcpy(to + l * width, from + s * width, width);
  });
  return result;
}

Tensor quantize_input(const Tensor& input, const gconv::TensorInfo& info, const std::string& name) {
  if (input.size() != info.elements) {
    fail("input '{}' has shape {}; the network expects {}", name, to_string(input.shape()),
         to_string(info.shape));
  }
  if (input.dtype() == info.dtype) return to_storage(input, info);
  if (input.dtype() != DType::f32) {
    fail("input '{}' holds {}; the network expects f32", name, name_of(input.dtype()));
  }
  Tensor result = Tensor::uninitialized(info.dtype, input.shape());
  if (info.dtype == DType::i8) {
    quantize_into(input.data<float>(), info.scale, name, result.mutable_data<std::int8_t>());
  } else if (info.dtype == DType::i16) {
    quantize_into(input.data<float>(), info.scale, name, result.mutable_data<std::int16_t>());
  } else {
    broken("input '{}' of a quantized chain has type {}", name, name_of(info.dtype));
  }
  return to_storage(result, info);
}

Tensor dequantize(const Tensor& values, double scale) {
  Tensor result = Tensor::uninitialized(DType::f32, values.shape());
  const std::span<float> out = result.mutable_data<float>();
  with_integers(values, [&](auto elements) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      out[i] = static_cast<float>(static_cast<double>(elements[i]) * scale);
    }
  });
  return result;
}

}  // namespace syncopate::ref
