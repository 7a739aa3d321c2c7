#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace syncopate::accel::scnn {

/// Values of a vector that an accumulator bank is the sum of: of an activation, or of a weight.
inline constexpr int kVector = 4;

/// How many cycles a vector of activations and one of weights take. A product goes to bank (a + w)
/// mod banks, where a is of the activation and w of the weight, since the bank is linear in the
/// output's coordinates. The fullest bank's products therefore stay as many when all a, or all w,
/// are shifted: vectors that are alike but for order and shift form a class, and a table of pairs
/// of classes has all there is to know (at 32 banks some 1,800 classes, 3.4 MB).
class Collisions {
 public:
  /// The table for that number of banks (1 to 32), made by the first to ask.
  static const Collisions& of(std::int64_t banks);

  explicit Collisions(int banks);
  /// Number of classes.
  std::int64_t classes() const { return classes_; }
  /// Class of a vector of `count` (1 to kVector) values, given as the differences of the second and
  /// later ones to the first, mod banks, five bits each.
  std::uint16_t of(int count, std::uint32_t differences) const {
    return numbers_[static_cast<std::size_t>(count - 1)][differences];
  }
  /// Cycles of a class with every other.
  const std::uint8_t* row(std::uint16_t number) const { return cycles_.data() + number * stride_; }

 private:
  void number_classes();
  void fill_table();

  int banks_;
  std::int64_t classes_ = 0, stride_ = 0;
  std::array<std::vector<std::uint16_t>, kVector> numbers_;  ///< Per count, by differences.
  std::vector<std::vector<int>> members_;                    ///< One vector of each class.
  std::vector<std::uint8_t> cycles_;                         ///< [class][class], rows padded.
};

/// A vector being filled, value by value.
class Vector {
 public:
  /// Adds a value in [0, banks); true when the vector has `size` now.
  bool add(std::int32_t value, std::int32_t banks, int size) {
    if (count_ == 0) {
      first_ = value;
      differences_ = 0;
    } else {
      const std::int32_t difference = value - first_;
      const auto wrapped =
          static_cast<std::uint32_t>(difference < 0 ? difference + banks : difference);
      differences_ |= wrapped << (5 * (count_ - 1));
    }
    return ++count_ == size;
  }
  bool empty() const { return count_ == 0; }
  /// Its class; it is empty afterwards.
  std::uint16_t take(const Collisions& collisions) {
    const std::uint16_t number = collisions.of(count_, differences_);
    count_ = 0;
    return number;
  }

 private:
  std::int32_t first_ = 0;
  std::uint32_t differences_ = 0;
  int count_ = 0;
};

}  // namespace syncopate::accel::scnn
