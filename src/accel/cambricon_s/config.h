#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "base/params.h"

namespace syncopate::accel::cambricon_s {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

/// The parameters that the engines and the compiler read, as numbers.
struct Config {
  static constexpr std::int64_t lanes = 16;  ///< PEs.
  static constexpr std::int64_t width = 16;  ///< Multipliers per PE.
  std::int64_t neuron_window = 0;            ///< Wn: positions that NSM scans a cycle.
  std::int64_t synapse_window = 0;           ///< Ws: synapses that each SSM scans a cycle.
  bool fifo = true;                          ///< Selected neurons are compacted across windows.
  bool skip_neurons = true;                  ///< NSM looks at neurons, not only at the index.
  bool codebook = true;          ///< Weights with few distinct values are stored as codes.
  std::int64_t lut_entries = 0;  ///< Entries of a PE's codebook memory.
  std::int64_t fill_cycles = 0;  ///< Stages of NSM, SSM and PEFU.
  bool encoder = true;           ///< Neurons in DRAM are compressed.

  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::cambricon_s
