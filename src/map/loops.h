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
  window,  ///< Each lane reduces its own channel's window: pooling, depthwise convolution, LRN sums,
           ///< global reductions. One group per channel: `groups` channels, outs = ins = 1.
  elementwise  ///< One operation per output; no reduction: add, mul by a tensor, tables, copies.
               ///< Shaped like a window of one pixel: `groups` channels, outs = ins = 1, in = out.
};

/// A GCONV normalized to the loop nest that array machines execute. Spatial arrays are {T, H, W}.
/// Input pixel of output o and kernel position k: o*stride + k*dilation - pad; outside [0, in) it
/// contributes nothing. A fully connected layer has one pixel and all its inputs in `ins`, in the
/// order in which its weights are stored.
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
  bool weights = false;         ///< There is a second operand and it is constant.
  bool second_operand = false;  ///< The second operand is an activation.

  std::int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t pixels() const { return out[0] * out[1] * out[2]; }
  /// Channels along which lanes work: outputs of a group (conv), or all channels (otherwise).
  std::int64_t lane_channels() const { return kind == WorkKind::conv ? outs : groups; }
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
    bool operator==(const Axis&) const = default;
  };
  std::int64_t base = 0;
  std::vector<Axis> axes;  ///< Outermost first; adjacent axes are merged where the layout allows.

  std::int64_t elements() const;
  /// The array is one stretch of the tensor: no copy is needed to see it normalized.
  bool contiguous() const;
};

/// The loops with the places of their operands, as sim::LayerData hands them to machines:
///   input    [batch][T][H][W][groups*ins]
///   second   like the output: second operand of elementwise work, constant or not, broadcast
///   weights  [groups][outs][kt][kh][kw][ins]
///   output   [batch][T][H][W][groups*outs]
/// Operands that do not exist have no axes and base -1.
struct Normalized {
  Loops loops;
  Access input, second, weights, output;
};

/// Normalizes; InputError naming the gconv when its dimensions fit none of the kinds (a product of
/// two activations with a reduction, more than three sliding dimensions).
/// A channel dimension is any that has nop or nks over whole groups; grouped convolution whose
/// groups have one input and one output channel becomes `window`.
Normalized normalize(const gconv::Chain& chain, const gconv::GConv& gconv);
/// Its loops alone.
Loops loops_of(const gconv::Chain& chain, const gconv::GConv& gconv);

}  // namespace syncopate::map
