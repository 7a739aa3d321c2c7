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
  /// Class of a vector of `count` (1 to kVector) values in [0, banks).
  std::uint16_t of(const std::uint8_t* values, std::int64_t count) const {
    std::size_t differences = 0;
    for (std::int64_t i = 1; i < count; ++i) {
      const int difference = values[i] - values[0];
      const auto wrapped = static_cast<std::size_t>(difference + (difference < 0 ? banks_ : 0));
      differences |= wrapped << (kDifferenceBits * (i - 1));
    }
    return numbers_[static_cast<std::size_t>(count - 1)][differences];
  }
  /// Cycles of a class with every other.
  const std::uint8_t* row(std::uint16_t number) const { return cycles_.data() + number * stride_; }

 private:
  static constexpr int kDifferenceBits = 5;

  void number_classes();
  void fill_table();

  int banks_;
  std::int64_t classes_ = 0, stride_ = 0;
  std::array<std::vector<std::uint16_t>, kVector>
      numbers_;                            ///< Per count, by the differences to the first value.
  std::vector<std::vector<int>> members_;  ///< One vector of each class.
  std::vector<std::uint8_t> cycles_;       ///< [class][class], rows padded.
};

}  // namespace syncopate::accel::scnn
