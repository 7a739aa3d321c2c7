#include "array/patches.h"

#include <algorithm>

namespace syncopate::array {

Patches::Patches(const sim::LayerData& data, const map::TileBox& box)
    : data_(data), loops_(data.loops()), box_(box) {
  channel0_ = box.group * loops_.ins + box.in0;
  channels_ = box.in1 - box.in0;
  positions_ = loops_.kernel_size() * channels_;
  for (std::int64_t t = 0; t < loops_.kernel[0]; ++t) {
    for (std::int64_t y = 0; y < loops_.kernel[1]; ++y) {
      for (std::int64_t x = 0; x < loops_.kernel[2]; ++x) {
        offsets_.push_back(
            {t * loops_.dilation[0], y * loops_.dilation[1], x * loops_.dilation[2]});
      }
    }
  }
}

std::array<std::int64_t, 3> Patches::corner(std::int64_t pixel) const {
  const std::int64_t height = box_.end[1] - box_.begin[1], width = box_.end[2] - box_.begin[2];
  const std::array<std::int64_t, 3> at = {box_.begin[0] + pixel / width / height,
                                          box_.begin[1] + pixel / width % height,
                                          box_.begin[2] + pixel % width};
  std::array<std::int64_t, 3> corner;
  for (std::size_t d = 0; d < 3; ++d) corner[d] = at[d] * loops_.stride[d] - loops_.pad[d];
  return corner;
}

std::int64_t Patches::row_at(const std::array<std::int64_t, 3>& corner,
                             std::int64_t kernel_position) const {
  const auto& offset = offsets_[static_cast<std::size_t>(kernel_position)];
  std::int64_t row = box_.batch;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t at = corner[d] + offset[d];
    if (at < 0 || at >= loops_.in[d]) return -1;
    row = row * loops_.in[d] + at;
  }
  return row;
}

std::int64_t Patches::row(std::int64_t pixel, std::int64_t kernel_position) const {
  return row_at(corner(pixel), kernel_position);
}

void Patches::bits(std::int64_t pixel, std::span<std::uint64_t> out) const {
  std::fill(out.begin(), out.end(), 0);
  const sim::BitPlane& plane = data_.input_bits();
  const auto first = corner(pixel);
  std::int64_t target = 0;
  for (const auto& offset : offsets_) {
    const std::int64_t t = first[0] + offset[0], y = first[1] + offset[1], x = first[2] + offset[2];
    if (t >= 0 && t < loops_.in[0] && y >= 0 && y < loops_.in[1] && x >= 0 && x < loops_.in[2]) {
      const std::int64_t row =
          ((box_.batch * loops_.in[0] + t) * loops_.in[1] + y) * loops_.in[2] + x;
      append_bits(plane.data.data() + row * plane.words, channel0_, channels_, out.data(), target);
    }
    target += channels_;
  }
}

void Patches::values(std::int64_t pixel, std::span<std::int16_t> out) const {
  const std::int64_t stride = loops_.groups * loops_.ins;
  const auto at = corner(pixel);
  const auto kernel = static_cast<std::int64_t>(offsets_.size());
  for (std::int64_t k = 0; k < kernel; ++k) {
    const std::int64_t row = row_at(at, k);
    std::int16_t* to = out.data() + k * channels_;
    if (row < 0) {
      std::fill_n(to, channels_, std::int16_t{0});
    } else {
      std::copy_n(data_.input().data() + row * stride + channel0_, channels_, to);
    }
  }
}

}  // namespace syncopate::array
