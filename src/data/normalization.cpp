#include "data/normalization.h"

#include <fmt/ranges.h>

#include <array>

#include "base/error.h"

namespace syncopate::data {
namespace {

double per_channel(const std::vector<double>& values, std::size_t channel) {
  return values.size() == 1 ? values[0] : values[channel];
}

}  // namespace

std::vector<std::string> normalization_presets() {
  return {"auto", "imagenet", "caffe", "signed", "unit", "raw"};
}

Normalization normalization(const std::string& preset, std::int64_t channels) {
  if (preset == "auto") return normalization(channels == 3 ? "imagenet" : "unit", channels);
  if (preset == "unit") return {};
  if (preset == "raw") return {1, {0}, {1}, false};
  if (preset == "signed") return {1.0 / 255, {0.5}, {0.5}, false};
  if (preset == "imagenet" || preset == "caffe") {
    if (channels != 3) {
      fail("normalization '{}' is for 3 channels; the network's input has {}", preset, channels);
    }
    if (preset == "caffe") return {1, {104, 117, 123}, {1}, true};
    return {1.0 / 255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, false};
  }
  fail("unknown normalization '{}' (known: {})", preset, fmt::join(normalization_presets(), ", "));
}

void normalize(std::span<const std::uint8_t> samples, std::int64_t channels,
               const Normalization& how, std::span<float> out) {
  const auto count = static_cast<std::size_t>(channels);
  const std::size_t plane = samples.size() / count;
  for (std::size_t c = 0; c < count; ++c) {
    const double mean = per_channel(how.mean, c);
    const double deviation = per_channel(how.deviation, c);
    std::array<float, 256> table{};
    for (std::size_t v = 0; v < table.size(); ++v) {
      table[v] = static_cast<float>((static_cast<double>(v) * how.scale - mean) / deviation);
    }
    const auto source = samples.subspan((how.bgr ? count - 1 - c : c) * plane, plane);
    const auto target = out.subspan(c * plane, plane);
    for (std::size_t i = 0; i < plane; ++i) target[i] = table[source[i]];
  }
}

}  // namespace syncopate::data
