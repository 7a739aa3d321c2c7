#include "array/block_counts.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace syncopate::array {
namespace {

/// Groups of `channels` channels; sums of one of them against counting bit by bit.
void expect_sums(std::int64_t groups, std::int64_t group, std::int64_t channels, std::int64_t block,
                 Random& random) {
  constexpr std::int64_t kPixels = 9;
  LineOfMasks masks;
  masks.pitch = (groups * channels + 63) / 64;
  masks.pixels = kPixels;
  masks.first = group * channels;
  masks.channels = channels;
  masks.block = block;
  masks.last = group == groups - 1;
  std::vector<std::uint64_t> words(static_cast<std::size_t>(kPixels * masks.pitch), 0);
  const auto word = [&](std::int64_t x, std::int64_t bit) -> std::uint64_t& {
    return words[static_cast<std::size_t>(x * masks.pitch + bit / 64)];
  };
  for (std::int64_t x = 0; x < kPixels; ++x) {
    for (std::int64_t bit = 0; bit < groups * channels; ++bit) {
      word(x, bit) |= static_cast<std::uint64_t>(random.chance(0.4)) << (bit % 64);
    }
  }
  masks.words = words.data();
  const std::int64_t blocks = (channels + block - 1) / block;
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(kPixels * (blocks + 1)), 99);
  sum_blocks(masks, sums.data());
  for (std::int64_t x = 0; x < kPixels; ++x) {
    for (std::int64_t b = 0; b <= blocks; ++b) {
      std::uint32_t expected = 0;
      for (std::int64_t p = 0; p <= x; ++p) {
        for (std::int64_t c = 0; c < std::min(channels, b * block); ++c) {
          const std::int64_t bit = masks.first + c;
          expected += static_cast<std::uint32_t>(word(p, bit) >> (bit % 64) & 1);
        }
      }
      EXPECT_EQ(sums[static_cast<std::size_t>(x * (blocks + 1) + b)], expected)
          << groups << " groups of " << channels << ", pixel " << x << ", block " << b;
    }
  }
}

TEST(BlockCounts, SumAlongPixelsAndBlocks) {
  Random random(3);
  for (const std::int64_t channels : {1, 15, 16, 40, 64, 100, 256, 304, 600}) {
    expect_sums(1, 0, channels, 16, random);
    expect_sums(1, 0, channels, 8, random);
    expect_sums(3, 0, channels, 16, random);
    expect_sums(3, 1, channels, 16, random);
    expect_sums(3, 2, channels, 16, random);
  }
}

TEST(BlockCounts, Add) {
  const std::vector<std::uint32_t> from{1, 2, 3, 4, 5};
  std::vector<std::uint32_t> to{10, 20, 30, 40, 50};
  add_counts(from.data(), 4, to.data());
  EXPECT_EQ(to, (std::vector<std::uint32_t>{11, 22, 33, 44, 50}));
}

}  // namespace
}  // namespace syncopate::array
