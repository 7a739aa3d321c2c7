#include "ref/weight_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/random.h"

namespace syncopate::ref {
namespace {

TEST(WeightSums, UpperBytesAndSumsAreThoseOfTheElements) {
  Random random(9);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t lanes = random.integer(1, 4) * 8, pairs = 2 * random.integer(1, 32);
    std::vector<std::int16_t> packed(static_cast<std::size_t>(3 * lanes * pairs), 77);
    WeightSums expected, found, magnitudes;
    const auto at = [&](std::int64_t two, std::int64_t half, std::int64_t i) -> std::int16_t& {
      return packed[static_cast<std::size_t>((3 * two + half) * 2 * lanes + i)];
    };
    std::vector<std::int16_t> dense;
    for (std::int64_t two = 0; two < pairs / 2; ++two) {
      for (std::int64_t half = 0; half < 2; ++half) {
        for (std::int64_t i = 0; i < 2 * lanes; ++i) {
          const bool extreme = random.chance(0.1);
          const int w = static_cast<int>(extreme ? 65535 * random.integer(0, 1) - 32768
                                                 : random.integer(-32768, 32767));
          at(two, half, i) = static_cast<std::int16_t>(w);
          dense.push_back(at(two, half, i));
          const int upper = (std::min(w, 32639) + 128) >> 8;
          expected.weight[i / 2] += std::abs(w);
          expected.rest[i / 2] += std::abs(w - 256 * upper);
          expected.upper[i / 2] += upper;
        }
      }
    }
    add_upper_bytes(packed.data(), pairs, lanes, found);
    add_magnitudes(dense.data(), pairs, lanes, magnitudes);
    for (std::int64_t l = 0; l < lanes; ++l) {
      ASSERT_EQ(found.weight[l], expected.weight[l]);
      ASSERT_EQ(found.rest[l], expected.rest[l]);
      ASSERT_EQ(found.upper[l], expected.upper[l]);
      ASSERT_EQ(magnitudes.weight[l], expected.weight[l]);
    }
    for (std::int64_t two = 0; two < pairs / 2; ++two) {
      for (std::int64_t i = 0; i < 4 * lanes; ++i) {  // Bytes: four of a lane, two of each pair.
        const std::int64_t lane = i / 4, half = i / 2 % 2, element = i % 2;
        const int w = at(two, half, 2 * lane + element);
        const auto word = static_cast<std::uint16_t>(at(two, 2, 2 * lane + half));
        ASSERT_EQ(static_cast<std::int8_t>(word >> (8 * element)), (std::min(w, 32639) + 128) >> 8);
      }
    }
  }
}

}  // namespace
}  // namespace syncopate::ref
