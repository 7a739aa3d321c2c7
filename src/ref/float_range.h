#pragma once

#include <cstdint>

#include "ref/float_kernels.h"

namespace syncopate::ref {

/// Largest magnitude of `count` floats: infinity if one is infinite, NaN if one is NaN, 0 for none.
float largest_magnitude(const float* values, std::int64_t count);

/// The same for any element type, integers read as real numbers.
float largest_magnitude(const View& view);

}  // namespace syncopate::ref
