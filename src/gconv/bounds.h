#pragma once

#include <map>
#include <string>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::gconv {

/// Magnitudes that `acc*multiplier + bias` stays below, so that no step of a post overflows 64
/// bits.
inline constexpr double kSumLimit = 4611686018427387904.0;  // 2^62

/// Largest magnitudes that a tensor's integers can have: one per output channel of its writer, or a
/// single one. Narrow tensors have the range of their type.
using Bound = std::vector<double>;
using Bounds = std::map<std::string, Bound>;

/// Bound of a narrow type: 128 for i8, 32768 for i16.
double type_bound(DType dtype);

/// Sum over a kernel's taps of |weight|, one entry per output channel of the GCONV (a single one
/// when its outputs do not differ along `channel`). The kernel must be a quantized constant.
std::vector<double> weight_sums(const GConv& gconv, const TensorInfo& kernel);

/// Bound of the exact sums of a quantized GCONV before its post. `kernel_sums` are the sums of
/// |weight| of a constant kernel (weight_sums); without them the weights' type bounds them. `wide`
/// holds the bounds of i64 tensors written so far.
Bound sum_bound(const Chain& chain, const GConv& gconv, const Bounds& wide,
                const std::vector<double>* kernel_sums);

/// Bound of what the post makes of sums within `sums`. InternalError naming the GCONV when an
/// intermediate could exceed kSumLimit.
Bound post_bound(const GConv& gconv, const Bound& sums);

}  // namespace syncopate::gconv
