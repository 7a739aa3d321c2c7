#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::map {

/// How a GCONV uses an array of lanes that each own one output.
enum class WorkKind : std::uint8_t {
  conv,        ///< Lanes of a group share inputs; each has its own weights. Convolution, FC.
  window,      ///< Each lane reduces its own channel's window: pooling, depthwise convolution, LRN
               ///< sums, global reductions.
  elementwise  ///< One operation per output; no reduction: add, mul by a tensor, tables, copies.
};

/// A GCONV normalized to the loop nest that array machines execute. Spatial arrays are {T, H, W}.
/// Input pixel of output o and kernel position k: o*stride + k*dilation - pad; outside [0, in) it
/// contributes nothing. A fully connected layer has one pixel and all its inputs in `ins`, in the
/// order in which its weights are stored.
///
/// `window` and `elementwise` have groups = 1, ins = 1 and one out per channel: output channel c
/// reads input channel c (and, for window, weight row c). Elementwise loops have in = out.
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
  bool weights = false;         ///< There is a second operand and it is constant.
  bool second_operand = false;  ///< The second operand is an activation.

  bool operator==(const Loops&) const = default;

  std::int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t pixels() const { return out[0] * out[1] * out[2]; }
  std::int64_t outputs() const { return batch * groups * outs * pixels(); }
  /// Operand pairs the layer requires, zeros and padding included.
  std::int64_t pairs() const { return outputs() * ins * kernel_size(); }
};

/// How a normalized row-major array lies in a chain tensor: the element at index i has address base
/// + sum of i*stride. Indices outside [first, last) of an axis read as zero.
struct Access {
  struct Axis {
    std::int64_t extent = 1, stride = 0;
    std::int64_t first = 0, last = 1;
    bool whole() const { return first == 0 && last == extent; }
    bool operator==(const Axis&) const = default;
  };
  std::string tensor;  ///< Empty: there is no such operand.
  std::int64_t base = 0;
  std::vector<Axis> axes;  ///< Outermost first; neighbors are merged where the layout allows.

  /// Of the normalized array; 0 without operand.
  std::int64_t elements() const;
  /// Address of the element at a row-major position of the normalized array; -1 where it reads
  /// zero.
  std::int64_t address(std::int64_t position) const;
  /// The array is one stretch of the tensor: no copy is needed to see it normalized.
  bool contiguous() const;
};

/// Where the loops find the constant operand: element address = base + sum of stride * loop index.
struct KernelStrides {
  std::int64_t base = 0, group = 0, out = 0, in = 0;
  std::array<std::int64_t, 3> kernel{};  ///< {T, H, W}
  bool operator==(const KernelStrides&) const = default;
};

/// The loops with the places of their operands, as sim::LayerData hands them to machines:
///   input    [batch][T][H][W][groups*ins]       (window, elementwise: outs channels)
///   second   like the output: the other operand of elementwise work, constant or not, broadcast
///   output   [batch][T][H][W][groups*outs]
struct Normalized {
  Loops loops;
  Access input, second, output;
  KernelStrides kernel;  ///< Conv and window with `weights` only.
};

/// Normalizes; InputError naming the gconv when its dimensions fit none of the kinds (for example a
/// reduction of the product of two activations, or more than three sliding dimensions).
/// A channel dimension is any that has nop or nks over whole groups; grouped convolution whose
/// groups have one input and one output channel becomes `window`.
Normalized normalize(const gconv::Chain& chain, const gconv::GConv& gconv);
/// For each output in the order [batch][T][H][W][groups*outs] the index of its entry in a post's
/// vectors: its linear index in the dimension GConv::channel, 0 where there is none.
Access post_channels(const gconv::Chain& chain, const gconv::GConv& gconv);
/// The loops alone.
Loops loops_of(const gconv::Chain& chain, const gconv::GConv& gconv);
/// The kernel view in terms of the loops; for conv and window gconvs with `weights` only.
KernelStrides kernel_strides(const gconv::Chain& chain, const gconv::GConv& gconv);

}  // namespace syncopate::map
