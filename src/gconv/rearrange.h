#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::gconv {

/// Channels [first, first + channels) of a tensor's storage.
struct ChannelPart {
  std::string tensor;
  std::int64_t first = 0, channels = 0;
};

/// Channels that can be put in another order as long as all parts are put in the same: residual
/// sums and pooling tie tensors together, concatenations cut tensors into parts. Whoever writes a
/// part, or sums over it, has constant weights that the order is folded into.
struct ChannelClass {
  std::int64_t channels = 0;
  std::vector<ChannelPart> parts;
};

/// The classes of a chain with more than one channel, by their first part. What cannot be moved is
/// in none: inputs and outputs of the network, operands of grouped convolutions, products of
/// activations, windows across channels, and whatever is tied to these.
std::vector<ChannelClass> free_channels(const Chain& chain);

/// Place i of class k holds what was channel orders[k][i]. The outputs of a quantized chain stay
/// the same, bit for bit. `classes` are those of free_channels; InternalError for an order that is
/// no permutation.
Chain rearrange(const Chain& chain, std::span<const ChannelClass> classes,
                std::span<const std::vector<std::int32_t>> orders);

/// The parts that a gconv sums over with weights, which an array takes in groups of channels; empty
/// when it does not.
std::vector<ChannelPart> summed_channels(const Chain& chain, const GConv& gconv);

}  // namespace syncopate::gconv
