#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "gconv/chain.h"

namespace syncopate::map {

/// How a GCONV uses an array of lanes that each own one output.
enum class WorkKind : std::uint8_t {
  conv,        ///< Lanes of a group share inputs; each has its own weights. Convolution, FC.
  window,      ///< Each lane reduces its own channel's window: pooling, depthwise convolution, LRN
               ///< sums.
  elementwise  ///< One operation per output; no reduction: add, mul by a tensor, tables, copies.
};

/// A GCONV normalized to the loop nest that array machines execute. Spatial arrays are {T, H, W}.
/// `window` and `elementwise` have groups = 1, ins = 1 and one out per channel: output channel c
/// reads input channel c (and, for window, weight row c).
struct Loops {
  WorkKind kind = WorkKind::conv;
  std::int64_t batch = 1;
  std::int64_t groups = 1;
  std::int64_t outs = 1;  ///< Outputs (channels) per group.
  std::int64_t ins = 1;   ///< Inputs (channels) per group that one output reduces over.
  std::array<std::int64_t, 3> out{1, 1, 1};
  std::array<std::int64_t, 3> in{1, 1, 1};
  std::array<std::int64_t, 3> kernel{1, 1, 1};
  std::array<std::int64_t, 3> stride{1, 1, 1};
  std::array<std::int64_t, 3> dilation{1, 1, 1};
  std::array<std::int64_t, 3> pad{0, 0, 0};
  bool weights = false;         ///< The second operand is constant.
  bool second_operand = false;  ///< The second operand is an activation.

  std::int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t pixels() const { return out[0] * out[1] * out[2]; }
  std::int64_t outputs() const { return batch * groups * outs * pixels(); }
  /// Operand pairs the layer requires, zeros and padding included.
  std::int64_t pairs() const { return outputs() * ins * kernel_size(); }
};

/// Normalizes; InputError naming the gconv when its dimensions fit none of the kinds.
/// A channel dimension is any that has nop or nks over whole groups; grouped convolution whose
/// groups have one input and one output channel becomes `window`.
Loops loops_of(const gconv::Chain& chain, const gconv::GConv& gconv);

/// Where the loops find the constant operand: element address = base + sum of stride * loop index.
struct KernelStrides {
  std::int64_t base = 0, group = 0, out = 0, in = 0;
  std::array<std::int64_t, 3> kernel{};  ///< {T, H, W}
  bool operator==(const KernelStrides&) const = default;
};
/// The kernel view in terms of the loops; for conv and window gconvs with `weights` only.
KernelStrides kernel_strides(const gconv::Chain& chain, const gconv::GConv& gconv);

}  // namespace syncopate::map
