#include "accel/sense/connected.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "base/test_scale_for_tests.h"

namespace syncopate::accel::sense {
namespace {

std::vector<std::uint64_t> random_rows(Random& random, std::int64_t words, double density) {
  std::vector<std::uint64_t> rows(static_cast<std::size_t>(words), 0);
  for (std::uint64_t& word : rows) {
    for (int bit = 0; bit < 64; ++bit) word |= std::uint64_t{random.chance(density)} << bit;
  }
  return rows;
}

bool at(const std::uint64_t* row, std::int64_t bit) {
  return (row[bit / 64] >> (bit % 64) & 1) != 0;
}

/// Bit by bit.
RowsMatch plain_match(const std::uint64_t* inputs, const std::uint64_t* weights, std::int64_t rows,
                      std::int64_t pitch, const std::vector<std::int64_t>& bounds) {
  RowsMatch match;
  for (std::int64_t r = 0; r < rows; ++r, weights += pitch) {
    for (std::size_t u = 0; u + 1 < bounds.size(); ++u) {
      std::int64_t products = 0;
      for (std::int64_t bit = bounds[u]; bit < bounds[u + 1]; ++bit) {
        products += at(inputs, bit) && at(weights, bit);
        match.weights += at(weights, bit);
      }
      match.products += products;
      match.slowest = std::max(match.slowest, products);
    }
  }
  return match;
}

TEST(MatchRows, AgreesWithBits) {
  Random random(7);
  for (int i = 0; i < scaled(3000); ++i) {
    const std::int64_t vector = random.chance(0.4) ? 1 : random.integer(1, 150);
    const std::int64_t units = random.integer(1, 64), begin = random.integer(0, 63);
    std::vector<std::int64_t> bounds = {begin};
    for (std::int64_t u = 0; u < units; ++u) bounds.push_back(bounds.back() + vector);
    bounds.back() -= random.integer(0, vector - 1);  // The last unit may be shorter.
    // No word is read beyond the last unit's: rows are not longer.
    const std::int64_t words = (bounds.back() + 63) / 64, rows = random.integer(1, 4);
    const auto inputs = random_rows(random, words, random.uniform());
    const auto weights = random_rows(random, rows * words, random.uniform());
    const RowsMatch expected = plain_match(inputs.data(), weights.data(), rows, words, bounds);
    const RowsMatch match = match_rows(inputs.data(), weights.data(), rows, words, bounds);
    EXPECT_EQ(match.products, expected.products);
    EXPECT_EQ(match.slowest, expected.slowest);
    EXPECT_EQ(match.weights, expected.weights);
  }
}

}  // namespace
}  // namespace syncopate::accel::sense
