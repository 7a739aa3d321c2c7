#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace syncopate {

/// A vector whose first `N` elements need no allocation: for the many short lists that belong to a
/// tile. Beyond that it is an ordinary vector.
template <class T, std::size_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() = default;
  SmallVector(std::initializer_list<T> values) { assign(values); }
  SmallVector(const SmallVector&) = default;
  SmallVector& operator=(const SmallVector&) = default;
  /// What is moved from is empty.
  SmallVector(SmallVector&& other) noexcept { *this = std::move(other); }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this == &other) return *this;
    near_ = other.near_;
    size_ = other.size_;
    far_ = std::move(other.far_);
    other.clear();
    return *this;
  }
  ~SmallVector() = default;
  SmallVector& operator=(std::initializer_list<T> values) {
    assign(values);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return size_ <= N ? near_.data() : far_.data(); }
  const T* data() const { return size_ <= N ? near_.data() : far_.data(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }

  void clear() {
    size_ = 0;
    far_.clear();
  }
  /// New elements are value-initialized.
  void resize(std::size_t size) {
    if (size > N) {
      if (size_ <= N) far_.assign(near_.begin(), near_.begin() + size_);
      far_.resize(size);
    } else {
      if (size_ > N) std::copy_n(far_.begin(), size, near_.begin());
      far_.clear();
      for (std::size_t i = size_; i < size; ++i) near_[i] = T{};
    }
    size_ = size;
  }
  void assign(std::size_t size, const T& value) {
    clear();
    resize(size);
    std::fill(begin(), end(), value);
  }
  void push_back(const T& value) {
    if (size_ < N) {
      near_[size_++] = value;
      return;
    }
    const T copy = value;  // May lie in here.
    resize(size_ + 1);
    back() = copy;
  }

  bool operator==(const SmallVector& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }
  bool operator==(const std::vector<T>& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  void assign(std::initializer_list<T> values) {
    clear();
    resize(values.size());
    std::copy(values.begin(), values.end(), begin());
  }

  std::array<T, N> near_{};
  std::size_t size_ = 0;
  std::vector<T> far_;  ///< All elements once there are more than N.
};

}  // namespace syncopate
