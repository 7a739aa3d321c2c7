#pragma once

#include <cstdint>

#include "ref/float_kernels.h"

namespace syncopate::ref {

/// Largest magnitude of `count` floats: infinity if one is infinite, NaN if one is NaN, 0 for none.
float largest_magnitude(const float* values, std::int64_t count);

/// The larger one; NaN when either is NaN, whatever comes later.
inline double larger(double a, double b) { return a > b || a != a ? a : b; }

/// Writes scale * values[i] to `scaled`, unless that is null, and returns the sum of their
/// magnitudes (summed in float: for bounds, not for results). NaN stays.
float scale_and_sum(const float* values, std::int64_t count, float scale, float* scaled);

/// As the first, for any element type; integers are read as real numbers.
float largest_magnitude(const View& view);

}  // namespace syncopate::ref
