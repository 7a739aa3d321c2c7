#pragma once

#include "flow/inputs.h"
#include "gconv/chain.h"

namespace syncopate::flow {

/// An optimized integer chain with channels of like density side by side, densest first, wherever
/// the order can be folded into constant weights (gconv::free_channels). Densities are those of the
/// first inputs, kMostCalibrationInputs at most, over all convolutions that read the channels.
/// Outputs stay the same, bit for bit.
gconv::Chain rearrange_channels(const gconv::Chain& chain, const Inputs& inputs);

}  // namespace syncopate::flow
