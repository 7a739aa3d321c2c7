#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "map/tiling.h"
#include "sim/layer_data.h"

namespace syncopate::array {

/// Copies bits [begin, begin + count) of `from` to bits [at, at + count) of `to`, which are zero.
inline void append_bits(const std::uint64_t* from, std::int64_t begin, std::int64_t count,
                        std::uint64_t* to, std::int64_t at) {
  from += begin / 64;
  to += at / 64;
  const auto down = static_cast<std::uint64_t>(begin) % 64,
             up = static_cast<std::uint64_t>(at) % 64;
  auto left = static_cast<std::uint64_t>(count);
  for (; left > 0; ++from, ++to) {
    const std::uint64_t take = std::min<std::uint64_t>(64, left);
    std::uint64_t word = *from >> down;
    if (down + take > 64) word |= from[1] << (64 - down);  // Here down is not 0.
    if (take < 64) word &= (1ULL << take) - 1;
    *to |= word << up;
    if (up + take > 64) to[1] |= word >> (64 - up);
    left -= take;
  }
}

/// The neurons that the output pixels of a tile read: one window per pixel. Pixels are numbered in
/// the box's order (T, H, W). A convolution's window is a list of positions in order (kernel t, h,
/// w, channel in [in0, in1)); positions in the padding read zero.
class Patches {
 public:
  Patches(const sim::LayerData& data, const map::TileBox& box);

  std::int64_t pixels() const { return box_.pixels(); }
  /// Positions of one window.
  std::int64_t positions() const { return positions_; }
  /// 64-bit words that hold one bit per position.
  std::int64_t words() const { return (positions_ + 63) / 64; }

  /// Row of the input (batch, t, y, x) under a kernel position, or -1 in the padding.
  std::int64_t row(std::int64_t pixel, std::int64_t kernel_position) const;
  /// Non-zero mask of a pixel's window.
  void bits(std::int64_t pixel, std::span<std::uint64_t> out) const;
  /// Values of a pixel's window.
  void values(std::int64_t pixel, std::span<std::int16_t> out) const;

 private:
  /// First input coordinate under a pixel's window, per dimension.
  std::array<std::int64_t, 3> corner(std::int64_t pixel) const;
  std::int64_t row_at(const std::array<std::int64_t, 3>& corner,
                      std::int64_t kernel_position) const;

  const sim::LayerData& data_;
  const map::Loops& loops_;
  map::TileBox box_;
  std::int64_t channel0_ = 0;  ///< First input channel, over all groups.
  std::int64_t channels_ = 0;
  std::int64_t positions_ = 0;
  std::vector<std::array<std::int64_t, 3>> offsets_;  ///< Per kernel position, dilated.
};

}  // namespace syncopate::array
