#include "ref/lane_rows.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace syncopate::ref {
namespace {

std::vector<std::int16_t> random_values(std::int64_t count, Random& random) {
  std::vector<std::int16_t> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<std::int16_t>(random.integer(-32768, 32767));
  return values;
}

TEST(LaneRows, ElementsGoWhereTheStepsSay) {
  Random random(5);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t lanes = random.integer(1, 40), count = random.integer(1, 140);
    const std::int64_t pitch = count + random.integer(0, 9);
    const PairSteps steps{2 * lanes, random.integer(4, 6) * lanes};
    const auto rows = random_values(lanes * pitch, random);
    const auto size = static_cast<std::size_t>((count + 3) / 4 * steps.step);
    std::vector<std::int16_t> expected(size, 1), found(size, 1);
    for (std::int64_t l = 0; l < lanes; ++l) {
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t to = i / 4 * steps.step + i / 2 % 2 * steps.pair_step + 2 * l + i % 2;
        expected[static_cast<std::size_t>(to)] = rows[static_cast<std::size_t>(l * pitch + i)];
      }
    }
    put_rows(rows.data(), pitch, lanes, count, steps, found.data());
    ASSERT_EQ(found, expected) << lanes << " lanes of " << count;
  }
}

TEST(LaneRows, DeinterleavingTransposes) {
  Random random(6);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t kernel = random.integer(1, 27), count = random.integer(1, 150);
    const auto from = random_values(kernel * count, random);
    std::vector<std::int16_t> expected(from.size()), found(from.size());
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        expected[static_cast<std::size_t>(k * count + i)] =
            from[static_cast<std::size_t>(i * kernel + k)];
      }
    }
    Deinterleave deinterleave(kernel);
    deinterleave(from.data(), count, found.data());
    ASSERT_EQ(found, expected) << kernel << " x " << count;
  }
}

}  // namespace
}  // namespace syncopate::ref
