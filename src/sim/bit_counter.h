#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace syncopate::sim {

/// Counts, per bit column, in how many of the rows added the bit was set. Counts are kept
/// bit-sliced (plane j holds bit j of every count), so that adding a row costs a few word
/// operations and sums of products of counts are popcounts.
class BitCounter {
 public:
  explicit BitCounter(std::int64_t words = 0) { reset(words); }
  /// Forgets all rows.
  void reset(std::int64_t words);
  /// Adds `count` rows that lie `pitch` words apart, or one after another.
  void add(const std::uint64_t* rows, std::int64_t count, std::int64_t pitch);
  void add(const std::uint64_t* rows, std::int64_t count = 1) { add(rows, count, words_); }

  /// Plane j: bit j of the counts.
  std::int64_t planes() const { return planes_; }
  std::int64_t words() const { return words_; }
  const std::uint64_t* plane(std::int64_t j) const { return data_.data() + j * words_; }
  /// All planes, one after another.
  std::span<const std::uint64_t> all() const { return data_; }

 private:
  std::int64_t words_ = 0;
  std::int64_t planes_ = 0;
  std::int64_t rows_ = 0;
  std::vector<std::uint64_t> data_;
};

/// Sum over columns of the product of two counts, given as bit-sliced planes of `words` words each,
/// planes one after another.
std::int64_t dot(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b,
                 std::int64_t words);

}  // namespace syncopate::sim
