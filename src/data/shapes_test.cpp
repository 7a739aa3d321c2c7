#include "data/shapes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/checksum.h"

namespace syncopate::data {
namespace {

std::span<const std::uint8_t> picture(const DataSet& set, std::size_t index) {
  const auto size = static_cast<std::size_t>(set.picture_size());
  return std::span(set.pixels).subspan(index * size, size);
}

std::uint64_t sum_of(const DataSet& set, std::size_t index) {
  return base::checksum(std::as_bytes(picture(set, index)));
}

/// Changes to the drawing change these: the networks trained on the pictures then need remaking.
TEST(Shapes, EveryMachineDrawsTheSamePictures) {
  const DataSet set = shapes(Split::test, 10);
  const std::vector<std::uint64_t> expected{
      0xfb1866cb50293e23U, 0x01d64c0ffbe22efbU, 0x38151294a7a0a985U, 0xeb41e93104dd6773U,
      0x6daf5dfe803c3844U, 0x4dd364880dd30958U, 0x16384b460b17b3a6U, 0x7109ce2cfda14478U,
      0x15f21b5adf71a1adU, 0x024e1048d387eae4U};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(sum_of(set, i), expected[i]) << shape_names()[i];
  }
  EXPECT_EQ(expected.size(), 10U);
}

TEST(Shapes, SplitsShareNoPictureAndClassesAreBalanced) {
  const DataSet train = shapes(Split::train, 0), test = shapes(Split::test, 0);
  EXPECT_EQ(train.count(), 20'000);
  EXPECT_EQ(test.count(), 2'000);
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < 20'000; ++i) seen.insert(sum_of(train, i));
  EXPECT_EQ(seen.size(), 20'000U);
  for (std::size_t i = 0; i < 2'000; ++i) EXPECT_FALSE(seen.contains(sum_of(test, i))) << i;
  for (std::int32_t label = 0; label < 10; ++label) {
    EXPECT_EQ(std::count(train.labels.begin(), train.labels.end(), label), 2'000);
    EXPECT_EQ(std::count(test.labels.begin(), test.labels.end(), label), 200);
  }
}

TEST(Shapes, ALimitIsABeginning) {
  const DataSet whole = shapes(Split::test, 0), few = shapes(Split::test, 25);
  EXPECT_EQ(few.count(), 25);
  EXPECT_TRUE(std::equal(few.pixels.begin(), few.pixels.end(), whole.pixels.begin()));
}

/// A disc: pixels near its center share a color, the corners another.
TEST(Shapes, AFigureStandsOutFromItsGround) {
  const DataSet set = shapes(Split::train, 1000);
  std::vector<double> contrast;
  for (std::size_t i = 0; i < 1000; i += 10) {
    const auto samples = picture(set, i);
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      sum += std::abs(double(samples[c * 1024 + 16 * 32 + 16]) - double(samples[c * 1024]));
    }
    contrast.push_back(sum);
  }
  std::sort(contrast.begin(), contrast.end());
  EXPECT_GT(contrast[10], 60);
}

}  // namespace
}  // namespace syncopate::data
