#include "ref/digit_plane.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace syncopate::ref {
namespace {

constexpr std::int64_t kChannels = 8, kPixels = 13;

/// A 1x1 convolution over a map [pixel][channel] that starts `base` elements into its tensor.
gconv::GConv pointwise(std::int64_t base, std::int64_t pixel_stride) {
  gconv::GConv gconv;
  gconv.dims.resize(2);
  gconv.dims[0].nks = gconv.dims[0].nips = kChannels;
  gconv.dims[1].nopc = gconv.dims[1].nips = kPixels;
  gconv.input.base = base;
  gconv.input.strides = {1, pixel_stride};
  return gconv;
}

std::vector<std::int16_t> values_of(const void* plane) {
  const auto* values = static_cast<const std::int16_t*>(plane);
  return {values, values + kChannels * kPixels};
}

std::vector<std::uint8_t> bytes_of(const void* plane) {
  const auto* bytes = static_cast<const std::uint8_t*>(plane);
  return {bytes, bytes + kChannels * kPixels};
}

TEST(DigitPlane, InPlaceHoldsWhatACopyHolds) {
  Random random(1);
  Tensor input = Tensor::uninitialized(DType::i16, {400});
  for (std::int16_t& x : input.mutable_data<std::int16_t>()) {
    x = static_cast<std::int16_t>(random.integer(-32768, 32767));
  }
  for (const Split split : {Split::none, Split::bytes, Split::digits}) {
    for (const std::int64_t stride : {kChannels, 2 * kChannels}) {
      const DigitPlane plane(pointwise(24, stride), split);
      ASSERT_EQ(plane.elements(), kChannels * kPixels);
      std::vector<std::int16_t> copy(plane.reserve()), rest(plane.reserve());
      const DigitPlane::Filled copied = plane.fill(input, false, copy.data());
      const DigitPlane::Filled placed = plane.fill(input, true, rest.data());
      EXPECT_EQ(copied.first, copy.data());
      const bool stays = split != Split::digits && stride == kChannels;
      EXPECT_EQ(placed.first == input.data<std::int16_t>().data() + 24, stays);
      EXPECT_EQ(values_of(placed.first), values_of(copied.first));
      if (split == Split::bytes) {
        EXPECT_EQ(bytes_of(placed.second), bytes_of(copied.second));
      } else if (split == Split::digits) {
        EXPECT_EQ(values_of(placed.second), values_of(copied.second));
      }
    }
  }
}

}  // namespace
}  // namespace syncopate::ref
