#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace syncopate::data {

/// A decoded picture: [height][width][channels], 8 bits, 1 (gray) or 3 (RGB) channels.
struct Picture {
  std::int64_t width = 0, height = 0, channels = 3;
  std::vector<std::uint8_t> pixels;

  std::uint8_t at(std::int64_t y, std::int64_t x, std::int64_t channel) const {
    return pixels[static_cast<std::size_t>((y * width + x) * channels + channel)];
  }
};

/// Largest file that is read.
inline constexpr std::size_t kLargestPictureFile = std::size_t{1} << 28;
/// Largest side and number of pixels that are decoded.
inline constexpr std::int64_t kLargestSide = 16384;
inline constexpr std::int64_t kMostPixels = std::int64_t{1} << 26;

/// Reads a PNG or JPEG file, told apart by content. Palettes are expanded, 16-bit samples reduced,
/// transparency dropped over black. InputError, naming the file, for anything damaged, too large
/// or of another format.
Picture read_picture(const std::string& path);

/// The same from memory; `name` stands in messages.
Picture parse_picture(std::span<const std::byte> bytes, const std::string& name);

/// The bytes of a PNG file holding `picture`.
std::string png_bytes(const Picture& picture);

/// A picture's gray or color form: averages with the usual weights (ITU-R BT.601), or repeats.
Picture with_channels(const Picture& picture, std::int64_t channels);

/// Scales the short side's central square (or the central rectangle of the wanted aspect ratio) to
/// exactly width x height by a triangle filter (bilinear when enlarging, averaging when shrinking).
Picture crop_and_resize(const Picture& picture, std::int64_t width, std::int64_t height);

/// The pixels planes first, [channels][height][width], as networks take them.
std::vector<std::uint8_t> planes(const Picture& picture);

/// A made-up picture for runs without input: smooth gradients, rings and edges, the same on every
/// machine. `variant` moves the shapes.
Picture procedural_picture(std::int64_t width, std::int64_t height, int variant);

}  // namespace syncopate::data
