#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::array {

/// Sums over rectangles of a table with one number per (row, column), in constant time: sizes of
/// weight blocks, where a row is a lane group and a column a block of inputs.
class BlockSums {
 public:
  BlockSums(std::int64_t rows, std::int64_t columns)
      : columns_(columns), sums_(static_cast<std::size_t>((rows + 1) * (columns + 1)), 0) {}

  /// Sets a cell before `finish`; cells may be set concurrently.
  void set(std::int64_t row, std::int64_t column, std::int64_t value) {
    at(row + 1, column + 1) = value;
  }
  void finish() {
    const std::int64_t rows = static_cast<std::int64_t>(sums_.size()) / (columns_ + 1) - 1;
    for (std::int64_t r = 1; r <= rows; ++r) {
      std::int64_t along = 0;
      for (std::int64_t c = 1; c <= columns_; ++c) {
        along += at(r, c);
        at(r, c) = at(r - 1, c) + along;
      }
    }
  }
  /// Of rows [row0, row1) and columns [column0, column1).
  std::int64_t sum(std::int64_t row0, std::int64_t row1, std::int64_t column0,
                   std::int64_t column1) const {
    return at(row1, column1) - at(row0, column1) - at(row1, column0) + at(row0, column0);
  }

 private:
  std::int64_t& at(std::int64_t r, std::int64_t c) {
    return sums_[static_cast<std::size_t>(r * (columns_ + 1) + c)];
  }
  std::int64_t at(std::int64_t r, std::int64_t c) const {
    return sums_[static_cast<std::size_t>(r * (columns_ + 1) + c)];
  }

  std::int64_t columns_;
  std::vector<std::int64_t> sums_;
};

}  // namespace syncopate::array
