#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/neurons.h"
#include "base/params.h"

namespace syncopate::accel::cnvlutin {

inline constexpr std::int64_t kFilters = 16;  ///< Output maps in work [recalled, high].
inline constexpr std::int64_t kLanes = 16;    ///< Neuron lanes [public: AIChip paper-list notes].
inline constexpr std::int64_t kBrick = 16;    ///< Channels of a brick [public, likewise].
inline constexpr std::int64_t kOffsetBits = 4;

/// The zero-free neuron array format (ZFNAf): a brick keeps its place whatever it holds; its
/// non-zero neurons come first, each with its offset within the brick.
inline constexpr array::NeuronFormat kNeurons{
    .block = kBrick, .bits = 8 * array::kNeuronBytes + kOffsetBits, .offset_bits = kOffsetBits};

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::cnvlutin
