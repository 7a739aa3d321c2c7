#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "array/neurons.h"
#include "array/plain.h"
#include "base/params.h"
#include "map/tiling.h"

namespace syncopate::accel::eyeriss {

/// The machine's numbers.
struct Config {
  explicit Config(const arch::Spec& spec);

  std::int64_t rows, columns;                          ///< Of PEs, one multiplier each.
  std::int64_t filters;                                ///< Whose rows a PE may hold at once.
  std::int64_t filter_words, neuron_words, sum_words;  ///< A PE's three local stores.
  bool gating;                                         ///< A zero neuron stops the multiplier.
  std::int64_t fill_cycles;

  std::int64_t pes() const { return rows * columns; }
  array::ArrayShape shape(const map::Loops& loops) const;
  map::Grain grain(const map::Loops& loops) const;
};

/// Run-length codes: 5 bits of zeros and a 16-bit value, three of them in a word of 64 bits
/// [recalled, high]. Channels lie in blocks of 16 [assumed].
inline constexpr array::NeuronFormat kRunLengths{
    .block = 16, .bits = 0, .nonzero_bits = 21, .run_bits = 5, .word_entries = 3};

// Actions beside the common ones, all of a PE.
/// A weight from the filter store.
inline constexpr std::size_t kFilterRead = array::kFirstOwnAct;
inline constexpr std::size_t kFilterWrite = kFilterRead + 1;
/// A neuron from the neuron store.
inline constexpr std::size_t kNeuronRead = kFilterWrite + 1;
/// A partial sum read from the sum store and written back.
inline constexpr std::size_t kSumUpdate = kNeuronRead + 1;
/// A partial sum moves to the PE above.
inline constexpr std::size_t kPass = kSumUpdate + 1;

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::eyeriss
