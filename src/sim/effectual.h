#pragma once

#include <cstdint>

#include "sim/layer_data.h"

namespace syncopate::sim {

/// Pairs of a non-zero neuron and a non-zero weight in a whole convolution: the sum, over channels
/// and kernel positions, of the outputs with a weight there times the pixels with a neuron there.
std::int64_t count_effectual(const LayerData& data);

}  // namespace syncopate::sim
