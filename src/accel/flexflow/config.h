#pragma once

#include <cstdint>
#include <string>

#include "accel/flexflow/factors.h"
#include "arch/spec.h"
#include "base/params.h"
#include "sim/stats.h"

namespace syncopate::accel::flexflow {

inline constexpr std::int64_t kWordBits = 16;  ///< [recalled, high]

/// FlexFlow, or FlexFlow-Pro with `preset=pro`, with overrides; InputError for unknown or
/// impossible parameters.
arch::Spec spec(const Params& overrides);

/// Which pairs a PE leaves out.
enum class Skip : std::uint8_t { none, synapse, neuron, both };

/// When the next half of a local store may be overwritten.
enum class Refill : std::uint8_t {
  skew,     ///< Rows differ by at most one half of a store.
  barrier,  ///< All rows finish a half before any begins the next.
  free      ///< Stores never hold anybody up: an upper bound.
};

/// What of filling the local stores takes time.
enum class Fill : std::uint8_t {
  none,
  layer,  ///< The first window of a layer, and the drain of the row reduction.
  bus     ///< All words of all refills, too: one a cycle on each bus.
};

/// The parameters that the engines and the compiler read, as numbers.
struct Config {
  std::int64_t array = 16;  ///< D: rows and columns of PEs.
  Skip skip = Skip::none;
  std::int64_t slack = 8;   ///< F: outputs that a PE may be ahead of its row's reduction; 0: any.
  std::int64_t n_min = 0;   ///< Least cycles of a PE per output.
  std::int64_t slices = 4;  ///< 16-bit slices of a bitmap scanned per cycle: 1, 2 or 4.
  std::int64_t store_words = 128;
  Refill refill = Refill::skew;
  Fill fill = Fill::layer;
  std::int64_t reduction_cycles = 4;  ///< Latency of the row reduction.
  bool compress = false;              ///< Bitmaps and non-zeros in DRAM and on the buses.
  std::int64_t overhead_percent = 0;  ///< Of PE energy, for skip logic and FIFOs.
  ChooserOptions chooser;
  bool effective = false;  ///< Factors are chosen on non-zero weights.
  bool balance = false;    ///< Input channels are permuted to even out columns.
  std::string overrides;   ///< Factors of named layers.

  bool skips_synapses() const { return skip == Skip::synapse || skip == Skip::both; }
  bool skips_neurons() const { return skip == Skip::neuron || skip == Skip::both; }
  explicit Config(const arch::Spec& spec);
};

/// The machine's own actions, behind those of array/actions.h.
enum class OwnAct : std::uint8_t {
  store_read,         ///< One word of a PE's local store.
  store_write,        ///< Likewise.
  overhead_multiply,  ///< Skip logic and FIFOs, as a share of the PE's multiplications,
  overhead_add,       ///< additions
  overhead_store      ///< and local store reads.
};
void tally(sim::Stats& stats, OwnAct act, std::int64_t times);

}  // namespace syncopate::accel::flexflow
