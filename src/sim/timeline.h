#pragma once

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
  /// Adds a layer; returns its share. InternalError when a tile's statistics break a law (see
  /// verify in sim/stats.h) or claim to have waited for memory.
  LayerTime add_layer(std::span<const TileResult> tiles);
  std::int64_t now() const { return now_; }

 private:
  const arch::Spec& spec_;
  Memory& memory_;
  std::int64_t now_ = 0;
};

}  // namespace syncopate::sim
