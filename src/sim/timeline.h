#pragma once

#include <array>
#include <span>
#include <vector>

#include "arch/spec.h"
#include "sim/machine.h"
#include "sim/memory.h"

namespace syncopate::sim {

/// A stretch of time for plots: what array and memory did for one layer.
struct LayerTime {
  Stats stats;                      ///< Of the whole layer, Cause::memory included.
  std::int64_t begin = 0, end = 0;  ///< Machine cycles since the program's start.
  std::int64_t compute_cycles = 0;  ///< Array busy.
  std::int64_t memory_cycles = 0;   ///< DMA busy.
};

/// Plays tiles against memory with double buffering. Inputs: loads of tile t+1 start once tile t-1
/// has computed and freed its half of the buffers; a tile computes when its loads are done and tile
/// t-1 has computed. Outputs: a tile's stores follow its computation and share the memory with
/// loads; a block of outputs is computed once the block before the previous one has been stored.
/// Layers follow each other with a barrier (a layer reads what the previous one wrote).
class Timeline {
 public:
  Timeline(const arch::Spec& spec, Memory& memory);
  /// Counts a layer and plays its tiles while they are counted; returns its share. InternalError
  /// when the totals break a law (see verify in sim/stats.h) or claim to have waited for memory.
  LayerTime add_layer(const LayerRun& run);

  /// The same in steps: a layer's tiles in execution order, in pieces of any size, then its totals.
  /// Transfers are not looked at when the memory goes by bytes alone.
  void add(const TileTimes& tiles);
  LayerTime end_layer(const Stats& total);
  std::int64_t now() const { return now_; }

 private:
  void add(std::int64_t cycles, std::span<const Transfer> loads, std::span<const Transfer> stores);
  /// Moves transfers, the first no earlier than `earliest`; returns when the last is done.
  std::int64_t move(std::span<const Transfer> transfers, std::int64_t earliest, bool write);
  void compute_pending();

  const arch::Spec& spec_;
  Memory& memory_;
  std::int64_t now_ = 0;  ///< End of the last layer.
  // The layer being played.
  std::int64_t dma_free_ = 0, dma_busy_ = 0, compute_cycles_ = 0;
  /// When the last two tiles had computed, and the last two blocks of outputs were stored.
  std::array<std::int64_t, 2> computed_{}, stored_{};
  /// The last tile seen: its loads are under way, its computation waits for the next one's loads.
  bool pending_ = false;
  std::int64_t pending_ready_ = 0, pending_cycles_ = 0;
  std::vector<Transfer> pending_stores_;
};

}  // namespace syncopate::sim
