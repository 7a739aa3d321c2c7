#include "array/traffic.h"

namespace syncopate::array {

LayerTraffic::LayerTraffic(const DecodedLayer& layer, const TileSequence& sequence,
                           const NeuronSizes& sizes, const Envelope& envelope, sim::Stats& stats)
    : order_(sequence.order()),
      loads_(layer, order_, sizes, BlockMoves::Side::input),
      stores_(layer, order_, sizes, BlockMoves::Side::output),
      table_{sim::Stream::synapses, layer.table, 0},
      directory_(sequence.directory()) {
  loads_.book(envelope, order_.neuron_loads(), stats);
  stores_.book(envelope, 1, stats);
  if (directory_.empty()) return;
  table_.bytes = layer.table_bytes;
  book_weights(envelope, stats);
}

void LayerTraffic::book_weights(const Envelope& envelope, sim::Stats& stats) {
  envelope.book_load(table_, 0, 1, stats);
  const std::int64_t times = order_.synapse_loads();
  for (const DirectoryEntry& entry : directory_) {
    if (entry.synapse_bytes > 0) envelope.book_load(synapses_of(entry), 0, times, stats);
    if (entry.index_bytes > 0) envelope.book_load(index_of(entry), 0, times, stats);
  }
}

void LayerTraffic::list_tile(std::int64_t number, const map::TileStep& step, bool transfers,
                             sim::TileTimes& times) const {
  sim::TileTimes::Tile& tile = times.tiles.back();
  const auto load = [&](const sim::Transfer& transfer) {
    if (transfer.bytes == 0) return;
    ++tile.loads;
    tile.load_bytes += transfer.bytes;
    if (transfers) times.transfers.push_back(transfer);
  };
  if (order_.loads_neurons(step)) {
    const BlockMoves::Amount amount = loads_.amount(step);
    tile.loads += amount.transfers;
    tile.load_bytes += amount.bytes;
    if (transfers) loads_.append(step, times.transfers);
  }
  if (number == 0) load(table_);
  if (!directory_.empty() && order_.loads_synapses(step)) {
    const std::int64_t segment =
        (step.group * order_.out_blocks() + step.out) * order_.in_blocks() + step.in;
    const DirectoryEntry& entry = directory_[static_cast<std::size_t>(segment)];
    load(synapses_of(entry));
    load(index_of(entry));
  }
  if (step.in != order_.in_blocks() - 1) return;
  const BlockMoves::Amount amount = stores_.amount(step);
  tile.stores = amount.transfers;
  tile.store_bytes = amount.bytes;
  if (transfers) stores_.append(step, times.transfers);
}

void LayerTraffic::list(std::int64_t begin, std::int64_t end, const TileCycles& cycles,
                        bool transfers, sim::TileTimes& times) const {
  map::TileStep step = order_.step(begin);
  for (std::int64_t number = begin; number < end; ++number) {
    times.tiles.emplace_back().cycles = cycles.at(number, step);
    list_tile(number, step, transfers, times);
    order_.advance(step);
  }
}

}  // namespace syncopate::array
