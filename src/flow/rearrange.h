#pragma once

#include <span>
#include <vector>

#include "flow/channel_samples.h"
#include "flow/inputs.h"
#include "gconv/chain.h"

namespace syncopate::flow {

enum class Rearrangement : std::uint8_t { none, sorted, grouped };

/// The first inputs in memory, kMostCalibrationInputs at most: what orders are chosen by.
std::vector<std::vector<Tensor>> inputs_to_order_by(const Inputs& inputs);

/// An optimized integer chain with channels of like density side by side, densest first, wherever
/// the order can be folded into constant weights (gconv::free_channels). Densities are those of the
/// inputs, over all convolutions that read the channels. Outputs stay the same, bit for bit.
gconv::Chain rearrange_channels(const gconv::Chain& chain,
                                std::span<const std::vector<Tensor>> inputs);

/// The same, but in an order that keeps the rows of an array equally long at work, pass by pass
/// (flow/grouping.h): with `passes` of every gconv, see passes_of.
gconv::Chain group_channels(const gconv::Chain& chain, std::span<const std::vector<Tensor>> inputs,
                            std::span<const Passes> passes);

/// How a machine takes the channels of a chain. InputError when it does not take them in passes.
std::vector<Passes> passes_of(const gconv::Chain& chain, const sim::Accelerator& accelerator,
                              const arch::Spec& spec);

/// The chain in the order asked for: as it is, sorted, or grouped for the passes of a machine.
gconv::Chain reordered(gconv::Chain chain, std::span<const std::vector<Tensor>> inputs,
                       Rearrangement order, const sim::Accelerator& machine,
                       const Params& overrides);

}  // namespace syncopate::flow
