#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace syncopate::data {

/// How a picture's 0..255 samples become a network's numbers: (sample * scale - mean) / deviation,
/// per channel (a single entry serves all), in RGB order unless `bgr`.
struct Normalization {
  double scale = 1.0 / 255;
  std::vector<double> mean{0};
  std::vector<double> deviation{1};
  bool bgr = false;
};

/// Presets by name: "imagenet" (the usual mean and deviation), "caffe" (BGR minus channel means),
/// "signed" (-1..1), "unit" (0..1), "raw" (0..255), "auto" (imagenet for 3 channels, else unit).
/// InputError lists them for an unknown name.
Normalization normalization(const std::string& preset, std::int64_t channels);
std::vector<std::string> normalization_presets();

/// One picture, [channels][height * width] samples in RGB order, as numbers of the same extents;
/// both spans are of one size, a multiple of `channels`.
void normalize(std::span<const std::uint8_t> samples, std::int64_t channels,
               const Normalization& how, std::span<float> out);

}  // namespace syncopate::data
