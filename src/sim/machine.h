#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/layer_data.h"
#include "sim/program.h"
#include "sim/stats.h"

namespace syncopate::sim {

/// A tile as executed, operands already on chip: everything but waiting for memory.
struct TileResult {
  Stats stats;    ///< Cause::memory is zero; actions include buffer and DRAM accesses.
  Loads loads;    ///< As in the tile, with true sizes.
  Stores stores;  ///< Likewise.
  bool operator==(const TileResult&) const = default;
};

/// What the clocked engine computes beside the counts: the tile's exact partial sums (before the
/// post), [pixel][output] in the box's order.
struct ClockedTile {
  TileResult result;
  std::vector<std::int64_t> sums;  ///< Of this tile's input block alone.
};

/// An accelerator ready to execute programs. The two engines must agree in every count of every
/// tile.
class Machine {
 public:
  virtual ~Machine() = default;
  /// Decodes a layer's instructions into tiles in execution order.
  virtual std::vector<Tile> tiles(const Program& program, std::size_t layer) const = 0;
  /// Counting engine: exact results of all tiles of a layer from operand masks, in parallel.
  /// `tiles` are those of the layer, all of them, in execution order.
  virtual std::vector<TileResult> count(const Program& program, std::size_t layer,
                                        const LayerData& data,
                                        std::span<const Tile> tiles) const = 0;
  /// The same, for one who does not need the tiles otherwise.
  std::vector<TileResult> count(const Program& program, std::size_t layer,
                                const LayerData& data) const {
    return count(program, layer, data, tiles(program, layer));
  }
  /// Clocked engine: one tile, cycle by cycle, real values, weights decoded from the program's
  /// image.
  virtual ClockedTile clock(const Program& program, std::size_t layer, const Tile& tile,
                            const LayerData& data) const = 0;
};

}  // namespace syncopate::sim
