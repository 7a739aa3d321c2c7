#include "data/image.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "data/image_codecs.h"

namespace syncopate::data {
namespace {

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

/// Which source samples make one target sample along one axis, with their weights (sum 1).
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

/// `extent` source samples beginning at `origin` become `count` samples by a triangle
/// filter: as wide as the shrinking asks, linear interpolation between centers when enlarging.
std::vector<Taps> taps(double origin, double extent, std::int64_t count, std::int64_t limit) {
  std::vector<Taps> result(static_cast<std::size_t>(count));
  const double scale = extent / static_cast<double>(count);
  const double support = std::max(1.0, scale);
  for (std::int64_t i = 0; i < count; ++i) {
    const double center = origin + (static_cast<double>(i) + 0.5) * scale;
    const auto low = static_cast<std::int64_t>(std::floor(center - support));
    const auto high = static_cast<std::int64_t>(std::ceil(center + support));
    Taps& tap = result[static_cast<std::size_t>(i)];
    tap.first = std::clamp<std::int64_t>(low, 0, limit - 1);
    const std::int64_t last = std::clamp<std::int64_t>(high, 0, limit - 1);
    tap.weights.assign(static_cast<std::size_t>(last - tap.first + 1), 0);
    double sum = 0;
    for (std::int64_t s = tap.first; s <= last; ++s) {
      const double distance = std::abs(static_cast<double>(s) + 0.5 - center) / support;
      const double weight = std::max(0.0, 1 - distance);
      tap.weights[static_cast<std::size_t>(s - tap.first)] = weight;
      sum += weight;
    }
    for (double& weight : tap.weights) weight /= sum;
  }
  return result;
}

}  // namespace

Picture parse_picture(std::span<const std::byte> bytes, const std::string& name) {
  if (is_png(bytes)) return decode_png(bytes, name);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, name);
  fail("{}: neither a PNG nor a JPEG picture", name);
}

Picture read_picture(const std::string& path) {
  return parse_picture(base::read_file(path, kLargestPictureFile), path);
}

Picture with_channels(const Picture& picture, std::int64_t channels) {
  if (picture.channels == channels) return picture;
  Picture result{picture.width, picture.height, channels, {}};
  result.pixels.reserve(static_cast<std::size_t>(picture.width * picture.height * channels));
  const std::size_t count = static_cast<std::size_t>(picture.width * picture.height);
  for (std::size_t i = 0; i < count; ++i) {
    if (picture.channels == 3) {
      const std::uint8_t* rgb = &picture.pixels[i * 3];
      result.pixels.push_back(to_byte(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]));
    } else {
      for (std::int64_t c = 0; c < channels; ++c) result.pixels.push_back(picture.pixels[i]);
    }
  }
  return result;
}

Picture crop_and_resize(const Picture& picture, std::int64_t width, std::int64_t height) {
  const auto source_width = static_cast<double>(picture.width);
  const auto source_height = static_cast<double>(picture.height);
  const double scale = std::min(source_width / static_cast<double>(width),
                                source_height / static_cast<double>(height));
  const double crop_width = scale * static_cast<double>(width);
  const double crop_height = scale * static_cast<double>(height);
  const auto columns = taps((source_width - crop_width) / 2, crop_width, width, picture.width);
  const auto rows = taps((source_height - crop_height) / 2, crop_height, height, picture.height);

  const std::int64_t channels = picture.channels;
  std::vector<double> narrow(static_cast<std::size_t>(picture.height * width * channels));
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const Taps& tap = columns[static_cast<std::size_t>(x)];
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::size_t t = 0; t < tap.weights.size(); ++t) {
          sum += tap.weights[t] * picture.at(y, tap.first + static_cast<std::int64_t>(t), c);
        }
        narrow[static_cast<std::size_t>((y * width + x) * channels + c)] = sum;
      }
    }
  }
  Picture result{width, height, channels, {}};
  result.pixels.resize(static_cast<std::size_t>(width * height * channels));
  for (std::int64_t y = 0; y < height; ++y) {
    const Taps& tap = rows[static_cast<std::size_t>(y)];
    for (std::int64_t i = 0; i < width * channels; ++i) {
      double sum = 0;
      for (std::size_t t = 0; t < tap.weights.size(); ++t) {
        const std::int64_t row = tap.first + static_cast<std::int64_t>(t);
        sum += tap.weights[t] * narrow[static_cast<std::size_t>(row * width * channels + i)];
      }
      result.pixels[static_cast<std::size_t>(y * width * channels + i)] = to_byte(sum);
    }
  }
  return result;
}

std::vector<std::uint8_t> planes(const Picture& picture) {
  const auto plane = static_cast<std::size_t>(picture.width * picture.height);
  const auto channels = static_cast<std::size_t>(picture.channels);
  std::vector<std::uint8_t> result(plane * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t p = 0; p < plane; ++p) {
      result[c * plane + p] = picture.pixels[p * channels + c];
    }
  }
  return result;
}

Picture procedural_picture(std::int64_t width, std::int64_t height, int variant) {
  Picture picture{width, height, 3, {}};
  picture.pixels.reserve(static_cast<std::size_t>(width * height * 3));
  const double shift = 0.37 * variant;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const double u = (static_cast<double>(x) + 0.5) / static_cast<double>(width);
      const double v = (static_cast<double>(y) + 0.5) / static_cast<double>(height);
      std::array<double, 3> color{90 + 120 * v, 130 + 70 * v, 215 - 90 * v};  // sky to ground
      const double radius = std::hypot(u - 0.38 - 0.1 * std::sin(shift), v - 0.42);
      if (radius < 0.24) {  // a ringed ball
        const double shade = 0.5 + 0.5 * std::cos(radius * 60 + shift);
        color = {230 - 120 * radius * shade, 90 + 110 * shade, 60 + 40 * shade};
      }
      const double tilt = u - 0.72 + 0.25 * (v - 0.5);
      if (std::abs(tilt) < 0.11 && v > 0.25 && v < 0.85) {  // a striped post
        const bool light = std::fmod(v * 9 + shift + 9, 2) < 1;
        color = light ? std::array<double, 3>{240, 235, 220} : std::array<double, 3>{45, 60, 80};
      }
      // Fine texture, from integers only, so that nothing depends on the math library.
      const auto hash = static_cast<std::uint32_t>(x) * 374761393U +
                        static_cast<std::uint32_t>(y) * 668265263U +
                        static_cast<std::uint32_t>(variant) * 2246822519U;
      const double noise = static_cast<double>((hash ^ (hash >> 13)) * 1274126177U >> 28) - 7.5;
      for (const double c : color) picture.pixels.push_back(to_byte(c + noise));
    }
  }
  return picture;
}

}  // namespace syncopate::data
