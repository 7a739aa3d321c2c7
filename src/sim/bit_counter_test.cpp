#include "sim/bit_counter.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace syncopate::sim {
namespace {

using Words = std::vector<std::uint64_t>;

/// Rows `pitch` words apart, without a word beyond the last one.
Words random_rows(Random& random, std::int64_t count, std::int64_t words, std::int64_t pitch) {
  Words rows(static_cast<std::size_t>((count - 1) * pitch + words));
  for (auto& word : rows) word = random.bits() | random.bits();
  return rows;
}

/// Counts of all columns, one row after another.
void add_plainly(std::vector<std::int64_t>& counts, const Words& rows, std::int64_t count,
                 std::int64_t pitch) {
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::size_t c = 0; c < counts.size(); ++c) {
      const std::uint64_t word = rows[static_cast<std::size_t>(r * pitch) + c / 64];
      counts[c] += static_cast<std::int64_t>(word >> (c % 64) & 1);
    }
  }
}

std::vector<std::int64_t> counts_of(const BitCounter& counter) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(counter.words() * 64));
  for (std::int64_t j = 0; j < counter.planes(); ++j) {
    for (std::size_t c = 0; c < counts.size(); ++c) {
      counts[c] += static_cast<std::int64_t>(counter.plane(j)[c / 64] >> (c % 64) & 1) << j;
    }
  }
  return counts;
}

TEST(BitCounter, CountsColumnsOfRowsAtAnyPitch) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const std::int64_t words = random.integer(1, 20), pitch = words + random.integer(0, 3);
    BitCounter counter(words);
    std::vector<std::int64_t> expected(static_cast<std::size_t>(words * 64));
    for (std::int64_t parts = random.integer(1, 4); parts > 0; --parts) {
      const std::int64_t count = random.integer(1, random.chance(0.2) ? 300 : 20);
      const Words rows = random_rows(random, count, words, pitch);
      counter.add(rows.data(), count, pitch);
      add_plainly(expected, rows, count, pitch);
    }
    EXPECT_EQ(counts_of(counter), expected);
  }
}

TEST(BitCounter, DotSumsProductsOfCounts) {
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    const std::int64_t words = random.integer(1, 20);
    BitCounter a(words), b(words);
    const Words rows_a = random_rows(random, random.integer(1, 90), words, words);
    const Words rows_b = random_rows(random, random.integer(1, 90), words, words);
    a.add(rows_a.data(), std::ssize(rows_a) / words);
    b.add(rows_b.data(), std::ssize(rows_b) / words);
    const auto counts_a = counts_of(a), counts_b = counts_of(b);
    std::int64_t expected = 0;
    for (std::size_t c = 0; c < counts_a.size(); ++c) expected += counts_a[c] * counts_b[c];
    EXPECT_EQ(dot(a.all(), b.all(), words), expected);
  }
}

}  // namespace
}  // namespace syncopate::sim
