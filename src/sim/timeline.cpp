#include "sim/timeline.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace syncopate::sim {
namespace {

/// The DMA engine: serves transfers one after another and knows when it was busy.
class Dma {
 public:
  Dma(Memory& memory, std::int64_t now) : memory_(memory), free_(now) {}

  /// Moves all transfers, the first no earlier than `earliest`; returns when the last is done.
  std::int64_t move(std::span<const Transfer> transfers, std::int64_t earliest, bool write) {
    std::int64_t done = earliest;
    for (const Transfer& transfer : transfers) {
      if (transfer.bytes == 0) continue;
      const std::int64_t begin = std::max(free_, earliest);
      done = std::max(done, memory_.serve(earliest, transfer, write));
      busy_ += std::max<std::int64_t>(0, done - begin);
      free_ = std::max(free_, done);
    }
    return done;
  }
  std::int64_t busy() const { return busy_; }

 private:
  Memory& memory_;
  std::int64_t free_;
  std::int64_t busy_ = 0;
};

}  // namespace

Timeline::Timeline(const arch::Spec& spec, Memory& memory) : spec_(spec), memory_(memory) {}

LayerTime Timeline::add_layer(std::span<const TileResult> tiles) {
  LayerTime layer;
  layer.begin = now_;
  Dma dma(memory_, now_);
  // When tiles t-1 and t-2 had computed; when the last two blocks of outputs were stored.
  std::array<std::int64_t, 2> computed{now_, now_}, stored{now_, now_};
  std::int64_t loaded = tiles.empty() ? now_ : dma.move(tiles[0].loads, now_, false);
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    const TileResult& tile = tiles[t];
    verify(tile.stats, spec_.multipliers(), "tile");
    if (tile.stats[Cause::memory] != 0) broken("a tile waited for memory on its own");
    const std::int64_t ready = loaded;
    if (t + 1 < tiles.size()) loaded = dma.move(tiles[t + 1].loads, computed[0], false);
    const std::int64_t start = std::max({ready, computed[0], stored[1]});
    computed = {start + tile.stats.cycles, computed[0]};
    if (!tile.stores.empty()) {
      stored = {dma.move(tile.stores, computed[0], true), stored[0]};
    }
    layer.stats += tile.stats;
  }
  now_ = layer.end = std::max(computed[0], stored[0]);
  layer.compute_cycles = layer.stats.cycles;
  layer.memory_cycles = dma.busy();
  layer.stats.cycles = layer.end - layer.begin;
  layer.stats[Cause::memory] = spec_.multipliers() * (layer.stats.cycles - layer.compute_cycles);
  return layer;
}

}  // namespace syncopate::sim
