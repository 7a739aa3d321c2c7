#include "sim/timeline.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::sim {

Timeline::Timeline(const arch::Spec& spec, Memory& memory) : spec_(spec), memory_(memory) {}

LayerTime Timeline::add_layer(const LayerRun& run) {
  const Stats total =
      run.count({[this](const TileTimes& tiles) { add(tiles); }, !memory_.bytes_alone()});
  return end_layer(total);
}

std::int64_t Timeline::move(std::span<const Transfer> transfers, std::int64_t earliest,
                            bool write) {
  std::int64_t done = earliest;
  for (const Transfer& transfer : transfers) {
    if (transfer.bytes == 0) continue;
    const std::int64_t begin = std::max(dma_free_, earliest);
    done = std::max(done, memory_.serve(earliest, transfer, write));
    dma_busy_ += std::max<std::int64_t>(0, done - begin);
    dma_free_ = std::max(dma_free_, done);
  }
  return done;
}

/// The pending tile computes and stores. Its successor's loads have been issued: they go first.
void Timeline::compute_pending() {
  const std::int64_t start = std::max({pending_ready_, computed_[0], stored_[1]});
  computed_ = {start + pending_cycles_, computed_[0]};
  compute_cycles_ += pending_cycles_;
  if (!pending_stores_.empty()) {
    stored_ = {move(pending_stores_, computed_[0], true), stored_[0]};
  }
}

void Timeline::add(const TileTimes& tiles) {
  if (memory_.bytes_alone()) {
    for (const TileTimes::Tile& tile : tiles.tiles) {
      const Transfer load{Stream::neurons, 0, tile.load_bytes},
          store{Stream::outputs, 0, tile.store_bytes};
      add(tile.cycles, {&load, 1}, {&store, tile.stores > 0 ? 1U : 0U});
    }
    return;
  }
  const Transfer* at = tiles.transfers.data();
  for (const TileTimes::Tile& tile : tiles.tiles) {
    add(tile.cycles, {at, tile.loads}, {at + tile.loads, tile.stores});
    at += tile.loads + tile.stores;
  }
}

void Timeline::add(std::int64_t cycles, std::span<const Transfer> loads,
                   std::span<const Transfer> stores) {
  if (!pending_) {
    computed_ = stored_ = {now_, now_};
    dma_free_ = now_;
  }
  const std::int64_t ready = move(loads, computed_[0], false);
  if (pending_) compute_pending();
  pending_ = true;
  pending_ready_ = ready;
  pending_cycles_ = cycles;
  pending_stores_.assign(stores.begin(), stores.end());
}

LayerTime Timeline::end_layer(const Stats& total) {
  verify(total, spec_.multipliers(), "layer");
  if (total[Cause::memory] != 0) broken("a tile waited for memory on its own");
  LayerTime layer;
  layer.begin = layer.end = now_;
  if (pending_) {
    compute_pending();
    layer.end = std::max(computed_[0], stored_[0]);
  }
  if (compute_cycles_ != total.cycles) {
    broken("tiles of {} cycles in a layer of {}", compute_cycles_, total.cycles);
  }
  layer.stats = total;
  layer.compute_cycles = compute_cycles_;
  layer.memory_cycles = dma_busy_;
  layer.stats.cycles = layer.end - layer.begin;
  layer.stats[Cause::memory] = spec_.multipliers() * (layer.stats.cycles - compute_cycles_);
  now_ = layer.end;
  pending_ = false;
  dma_busy_ = compute_cycles_ = 0;
  return layer;
}

}  // namespace syncopate::sim
