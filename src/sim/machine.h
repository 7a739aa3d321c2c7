#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

/// Consecutive tiles as the timeline needs them: how long each computes and what it moves (true
/// sizes). Compact, because a layer can have hundreds of thousands.
struct TileTimes {
  struct Tile {
    std::int64_t cycles = 0;
    std::uint32_t loads = 0, stores = 0;           ///< Numbers of transfers.
    std::int64_t load_bytes = 0, store_bytes = 0;  ///< Bytes of all of them.
  };
  std::vector<Tile> tiles;
  /// Tile after tile, loads before stores; empty when the sink does without.
  std::vector<Transfer> transfers;

  void clear() {
    tiles.clear();
    transfers.clear();
  }
  void add(std::int64_t cycles, std::span<const Transfer> loads, std::span<const Transfer> stores) {
    Tile& tile = tiles.emplace_back(Tile{cycles, static_cast<std::uint32_t>(loads.size()),
                                         static_cast<std::uint32_t>(stores.size()), 0, 0});
    for (const Transfer& load : loads) tile.load_bytes += load.bytes;
    for (const Transfer& store : stores) tile.store_bytes += store.bytes;
    transfers.insert(transfers.end(), loads.begin(), loads.end());
    transfers.insert(transfers.end(), stores.begin(), stores.end());
  }
};
/// Takes a layer's tiles in execution order, piece by piece; never called concurrently.
struct TimeSink {
  std::function<void(const TileTimes& tiles)> take;
  /// False when numbers and bytes of transfers are enough: the transfers themselves are left out.
  bool transfers = true;

  explicit operator bool() const { return static_cast<bool>(take); }
  void operator()(const TileTimes& tiles) const { take(tiles); }
};

/// One layer of a program on its operands, both engines. They must agree in every count of every
/// tile. Thread-safe; program and data must outlive it, and the data's activations may be set anew
/// between calls.
class LayerRun {
 public:
  virtual ~LayerRun() = default;
  /// Number of tiles.
  virtual std::int64_t tiles() const = 0;
  /// A tile by its place in the execution order; transfers have the program's (dense) sizes.
  virtual Tile tile(std::int64_t index) const = 0;
  /// Counting engine: exact totals of all tiles from operand masks, in parallel. Hands the tiles'
  /// times to `sink`, if there is one, while it works.
  virtual Stats count(const TimeSink& sink) const = 0;
  /// Counting engine: one tile in full. The tiles' statistics add up to what count() returns, and
  /// their cycles and transfers are what it hands out. `box` is a tile's, or part of one: the same
  /// with fewer pixels.
  virtual TileResult count_box(const map::TileBox& box) const = 0;
  /// Clocked engine: the same, cycle by cycle, real values, weights decoded from the program's
  /// image.
  virtual ClockedTile clock_box(const map::TileBox& box) const = 0;

  /// A tile's box alone.
  virtual map::TileBox box(std::int64_t index) const { return tile(index).box; }
  /// Whole tiles by number.
  TileResult count_tile(std::int64_t index) const { return count_box(box(index)); }
  ClockedTile clock(std::int64_t index) const { return clock_box(box(index)); }
};

/// An accelerator ready to execute programs.
class Machine {
 public:
  virtual ~Machine() = default;
  /// Decodes a layer's code and prepares both engines.
  virtual std::unique_ptr<LayerRun> open(const Program& program, std::size_t layer,
                                         const LayerData& data) const = 0;
};

}  // namespace syncopate::sim
