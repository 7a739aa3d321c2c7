#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace syncopate {

/// Element types a tensor can hold. Half and double precision are widened or narrowed at import.
enum class DType : std::uint8_t { f32, i8, u8, i16, u16, i32, u32, i64, boolean };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// Short name used in text forms, e.g. "f32".
std::string_view name_of(DType dtype);
/// Inverse of name_of; InputError for an unknown name.
DType dtype_from(std::string_view name);

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<std::int8_t>() {
  return DType::i8;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<std::int16_t>() {
  return DType::i16;
}
template <>
constexpr DType dtype_of<std::uint16_t>() {
  return DType::u16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<std::uint32_t>() {
  return DType::u32;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
  return DType::i64;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::boolean;
}

/// Extents, outermost first. Empty means a scalar.
using Shape = std::vector<std::int64_t>;

/// Product of the extents; InputError when an extent is negative or the product exceeds 2^40.
std::int64_t element_count(const Shape& shape);
/// "1x3x224x224"; "scalar" when empty.
std::string to_string(const Shape& shape);
/// Row-major strides in elements.
std::vector<std::int64_t> row_major_strides(const Shape& shape);

/// A dense row-major array. Copies share storage; writing to a shared tensor clones it first.
class Tensor {
 public:
  /// An empty tensor: zero elements, shape {0}.
  Tensor();
  /// Zero-filled, 64-byte aligned.
  Tensor(DType dtype, Shape shape);
  /// As above without filling: every element must be written before it is read.
  static Tensor uninitialized(DType dtype, Shape shape);
  /// Copies `values`; InternalError unless their number fits the shape.
  template <class T>
  static Tensor from(Shape shape, std::span<const T> values);
  template <class T>
  static Tensor from(Shape shape, const std::vector<T>& values) {
    return from<T>(std::move(shape), std::span<const T>(values));
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * size_of(dtype_); }
  bool empty() const { return size_ == 0; }

  /// Elements in row-major order; InternalError when T is not the element type.
  template <class T>
  std::span<const T> data() const {
    check(dtype_of<T>());
    return {reinterpret_cast<const T*>(storage_.get()), static_cast<std::size_t>(size_)};
  }
  template <class T>
  std::span<T> mutable_data() {
    check(dtype_of<T>());
    unshare();
    return {reinterpret_cast<T*>(storage_.get()), static_cast<std::size_t>(size_)};
  }
  /// Raw bytes, for readers and writers of files.
  std::span<const std::byte> raw() const { return {storage_.get(), bytes()}; }
  std::span<std::byte> mutable_raw() {
    unshare();
    return {storage_.get(), bytes()};
  }

  /// Same elements under another shape; InternalError when the counts differ. Shares storage.
  Tensor reshaped(Shape shape) const;
  /// Same type, shape and bytes.
  bool operator==(const Tensor& other) const;

 private:
  void check(DType wanted) const;
  void unshare();

  DType dtype_ = DType::f32;
  Shape shape_;
  std::int64_t size_ = 0;
  std::shared_ptr<std::byte[]> storage_;
};

template <class T>
Tensor Tensor::from(Shape shape, std::span<const T> values) {
  Tensor result = uninitialized(dtype_of<T>(), std::move(shape));
  if (static_cast<std::int64_t>(values.size()) != result.size()) {
    broken("{} values for a tensor of {}", values.size(), to_string(result.shape()));
  }
  std::copy(values.begin(), values.end(), result.mutable_data<T>().begin());
  return result;
}

}  // namespace syncopate
