#include "sim/bits.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace syncopate::sim {
namespace {

using Words = std::vector<std::uint64_t>;

bool bit(const Words& words, std::int64_t i) {
  return ((words[static_cast<std::size_t>(i / 64)] >> (i % 64)) & 1) != 0;
}

Words random_words(Random& random, std::int64_t count) {
  Words words(static_cast<std::size_t>(count));
  for (auto& word : words) word = random.bits() & random.bits();
  return words;
}

template <class T>
void check_packing(std::uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random.integer(0, 300);
    std::vector<T> values(static_cast<std::size_t>(count));
    for (auto& value : values) {
      if (random.chance(0.5)) value = static_cast<T>(random.integer(-300, 300));
    }
    Words words(static_cast<std::size_t>((count + 63) / 64), ~std::uint64_t{0});
    pack_nonzero(std::span<const T>(values), words.data());
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(words.size()) * 64; ++k) {
      EXPECT_EQ(bit(words, k), k < count && values[static_cast<std::size_t>(k)] != 0);
    }
  }
}

TEST(Bits, PacksNonZeros) {
  check_packing<std::int16_t>(1);
  check_packing<std::int8_t>(2);
}

TEST(Bits, AppendsAtAnyOffsetWithinItsWords) {
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    const std::int64_t count = random.integer(0, 200), begin = random.integer(0, 100);
    const std::int64_t at = random.integer(0, 100);
    // Exactly the words that hold the ranges, so that sanitizers see any access beyond.
    const Words from = random_words(random, (begin + count + 63) / 64);
    Words to(static_cast<std::size_t>((at + count + 63) / 64), 0);
    append_bits(from.data(), begin, count, to.data(), at);
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(to.size()) * 64; ++k) {
      EXPECT_EQ(bit(to, k), k >= at && k < at + count && bit(from, begin + k - at));
    }
  }
}

TEST(Bits, Counts) {
  Random random(4);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t words = random.integer(1, 40), window = random.integer(1, 8);
    const Words a = random_words(random, words), b = random_words(random, words);
    std::int64_t ones = 0, common = 0, range = 0;
    const std::int64_t begin = random.integer(0, words * 64);
    const std::int64_t end = random.integer(begin, words * 64);
    std::vector<std::int32_t> expected(static_cast<std::size_t>((words + window - 1) / window), 0);
    for (std::int64_t k = 0; k < words * 64; ++k) {
      ones += bit(a, k);
      range += k >= begin && k < end && bit(a, k);
      if (!bit(a, k) || !bit(b, k)) continue;
      ++common;
      ++expected[static_cast<std::size_t>(k / 64 / window)];
    }
    EXPECT_EQ(count_bits(a.data(), words), ones);
    EXPECT_EQ(count_common(a.data(), b.data(), words), common);
    EXPECT_EQ(count_range(a.data(), begin, end), range);
    std::vector<std::int32_t> counts(expected.size());
    count_windows(a.data(), b.data(), words, window, counts.data());
    EXPECT_EQ(counts, expected);
  }
}

TEST(Bits, ReadsAWordAtAnyBit) {
  Random random(5);
  const Words words = random_words(random, 4);
  for (std::int64_t begin = 0; begin <= 128; ++begin) {
    const std::uint64_t word = word_at(words.data(), begin);
    for (std::int64_t k = 0; k < 64; ++k) EXPECT_EQ((word >> k) & 1, bit(words, begin + k));
  }
}

}  // namespace
}  // namespace syncopate::sim
