#include "sim/bit_transpose.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace syncopate::sim {
namespace {

TEST(BitTranspose, EveryBitFindsItsRow) {
  Random random(8);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t kernel = random.integer(1, round % 2 == 0 ? 16 : 80);
    const std::int64_t ins = random.integer(1, 200), words = (ins + 63) / 64;
    std::vector<std::uint64_t> bits(static_cast<std::size_t>((ins * kernel + 63) / 64 + 2), 0);
    std::vector<std::uint64_t> rows(static_cast<std::size_t>(kernel * words), 0);
    std::vector<std::uint64_t> expected = rows;
    for (std::int64_t in = 0; in < ins; ++in) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t at = in * kernel + k;
        if (!random.chance(0.5)) continue;
        bits[static_cast<std::size_t>(at / 64)] |= std::uint64_t{1} << (at % 64);
        expected[static_cast<std::size_t>(k * words + in / 64)] |= std::uint64_t{1} << (in % 64);
      }
    }
    BitTranspose transpose(kernel);
    transpose(bits.data(), ins, rows.data(), words);
    ASSERT_EQ(rows, expected) << ins << " x " << kernel;
  }
}

}  // namespace
}  // namespace syncopate::sim
