#pragma once

#include <cstdint>

namespace syncopate::train::winograd {

// 3x3 convolutions with stride 1 and one pixel of padding by minimal filtering [public: Winograd
// 1980; Lavin and Gray 2016]: a tile of 4x4 outputs takes 36 products for every pair of channels,
// one of 2x2 outputs 16, where sums over the window take 144 and 36. Pictures are cut into those
// that need fewer. In f32, on as many threads as OpenMP is set to; the results do not depend on how
// many. They differ from direct sums by rounding, by about 1e-5 of the largest output.
//
// std::bad_alloc when there is no memory. The calling thread keeps what its largest call worked in.

/// Pictures are [pictures][height][width][channels], filters [out][in][3][3].
/// No picture, height or width may be negative, no number of channels below one.
struct Extents {
  std::int64_t pictures = 0, height = 0, width = 0, in = 0, out = 0;
};

void convolve(const Extents& extents, const float* x, const float* filter, float* y);

/// The gradient with respect to x, overwritten, from that with respect to y.
void input_gradient(const Extents& extents, const float* y_gradient, const float* filter,
                    float* gradient);

/// The gradient with respect to the filters, overwritten, from that with respect to y.
void filter_gradient(const Extents& extents, const float* x, const float* y_gradient,
                     float* gradient);

}  // namespace syncopate::train::winograd
