#pragma once

#include <cstdint>

#include "accel/flexflow/isa.h"
#include "map/tiling.h"
#include "sim/stats.h"

// What both engines book alike, from numbers that each finds by itself.

namespace syncopate::accel::flexflow {

/// Words of one pass (inputs of a pass, a block of Tm outputs, the pixels of a tile).
struct PassWords {
  std::int64_t neurons = 0;      ///< On each column's bus, all windows of the pass.
  std::int64_t neuron_bits = 0;  ///< Bitmap words on each column's bus.
  std::int64_t synapses = 0;     ///< Out of the kernel buffer.
  std::int64_t synapse_bits = 0;
};

/// Words on buses and in buffers. Kernels that exceed half of the kernel store stream through it
/// once per segment; compressed neurons are taken to be spread evenly over a tile's windows.
class Words {
 public:
  /// `nonzero`: non-zero neurons of the tile's windows.
  Words(const Config& config, const Mapping& mapping, const map::TileBox& box,
        std::int64_t nonzero);
  /// Of a pass over `ins` inputs for `outs` outputs with `nonzero` weights.
  PassWords pass(std::int64_t ins, std::int64_t outs, std::int64_t nonzero) const;
  /// On the busiest bus, for steps [begin, end) of such a pass.
  std::int64_t segment(std::int64_t ins, std::int64_t outs, std::int64_t nonzero,
                       std::int64_t begin, std::int64_t end) const;

 private:
  std::int64_t values(std::int64_t words) const;
  std::int64_t window_words(std::int64_t ins, std::int64_t begin, std::int64_t end) const;
  bool streams(std::int64_t ins) const;

  const Config& config_;
  const Mapping& mapping_;
  std::int64_t steps_, nonzero_, positions_;
};

/// A tile once its cycles are known.
struct TileWork {
  std::int64_t cycles = 0;
  std::int64_t issued = 0;     ///< Pairs.
  std::int64_t busy = 0;       ///< PE cycles spent on pairs and on scanning for them.
  std::int64_t refilling = 0;  ///< Cycles in which all PEs waited for a bus.
  /// PEs times output steps: all, and those with an output and pairs to look at.
  std::int64_t places = 0, used = 0;
};
/// Cycles, causes and pairs. PEs without an output or a pair are underfill, in proportion; so is
/// everything that is not issued when nothing is skipped. Other waiting is imbalance.
void book_work(const Config& config, const LayerProgram& layer, const TileWork& work,
               sim::Stats& stats);
/// Actions of a pass.
void book_pass(const Config& config, const Mapping& mapping, const PassWords& words,
               std::int64_t ins, sim::Stats& stats);
/// Actions of a tile: pairs, reductions, partial sums between passes, the fill of a layer.
void book_tile(const Config& config, const Mapping& mapping, const map::TileBox& box,
               const TileWork& work, std::int64_t passes, sim::Stats& stats);

}  // namespace syncopate::accel::flexflow
