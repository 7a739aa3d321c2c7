#pragma once

#include <map>
#include <string>

#include "gconv/chain.h"

namespace syncopate::gconv {

/// Largest absolute value seen per chain tensor, from calibration data.
using Ranges = std::map<std::string, double>;

struct QuantizeOptions {
  int weight_bits = 16;      ///< 8 or 16.
  int activation_bits = 16;  ///< 8 or 16.
  /// Weights below this share of the largest in their output channel become zero.
  double weight_threshold = 0;
  /// Activations below this share of their tensor's integer range become zero before a layer with
  /// weights reads them; 16-bit tensors use about half of the range.
  double activation_threshold = 0;
};

/// Largest magnitudes used: 127 for 8 bits. 16-bit weights stay within +-32639 and activations
/// within +-32767, so that the sum of two products fits 32 bits (docs/rationale/numbers.md).
std::int64_t largest_weight(int bits);
std::int64_t largest_activation(int bits);

/// Makes tiny values zero in a quantized chain: weights in the constants, activations by a table in
/// the post that writes them, so that every executor and machine sees the same zeros. Inputs of the
/// network, and tensors that only layers without weights read, stay as they are. quantize() ends
/// with it; shares are from 0 to 1.
void apply_thresholds(Chain& chain, double weights, double activations);

/// The fixed-point form of a float chain (DESIGN section 4): symmetric, zero point 0, weights per
/// output channel (16 bits: per tensor when they hold at most 256 distinct values, so that
/// codebooks survive; 8 bits cannot tell 256 values apart with one step), activations per tensor,
/// requantization by integer multiplier and shift with round-half-to-even and saturation, tables
/// for functions. A GCONV whose only reader continues its post (bias, scale, activation) keeps its
/// exact sum in i64, so that fusion changes no bit. InputError for NaN or infinite weights, naming
/// the tensor.
Chain quantize(const Chain& chain, const Ranges& ranges, const QuantizeOptions& options);

}  // namespace syncopate::gconv
