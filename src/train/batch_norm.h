#pragma once

#include <cstdint>

namespace syncopate::train::batch_norm {

// Batch normalization as a layer trains, on the CPU: every channel of a batch has its mean taken
// away, is divided by its standard deviation, scaled and shifted [public: Ioffe and Szegedy 2015];
// a rectifier behind it takes no pass of its own. Elements are bf16, everything between is f32. On
// as many threads as OpenMP is set to; the results do not depend on how many.

/// Elements are [rows][channels], rows all pixels of all pictures; neither may be below one.
struct Extents {
  std::int64_t rows = 0, channels = 0;
};

struct bf16 {
  std::uint16_t bits;
};

/// By channel.
struct Channels {
  const float* scale;
  const float* shift;
  const float* mean;
  const float* inverse_deviation;  ///< 1 / sqrt(variance + epsilon).
};

/// The mean of each channel, and the mean squared distance from it.
void moments(const Extents& extents, const bf16* x, float* mean, float* variance);

/// (x - mean) * inverse_deviation * scale + shift; with `rectify`, zero where that is less.
void normalize(const Extents& extents, const Channels& channels, bool rectify, const bf16* x,
               bf16* y);

/// The gradients with respect to x, scale and shift, overwritten, from that with respect to y,
/// where `mean` and `inverse_deviation` are those of x.
void gradients(const Extents& extents, const Channels& channels, bool rectify, const bf16* x,
               const bf16* y_gradient, bf16* x_gradient, float* scale_gradient,
               float* shift_gradient);

}  // namespace syncopate::train::batch_norm
