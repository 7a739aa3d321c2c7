#include "array/traffic.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>

namespace syncopate::array {

template <class Make>
void LayerTraffic::Lists::fill(const Make& make, sim::Stats& stats) {
  tbb::enumerable_thread_specific<sim::Stats> parts([&] {
    sim::Stats zero;
    zero.actions.assign(stats.actions.size(), 0);
    return zero;
  });
  tbb::parallel_for(std::size_t{0}, pieces_.size(), [&](std::size_t p) {
    Piece& piece = pieces_[p];
    sim::Stats& part = parts.local();
    const std::int64_t first = static_cast<std::int64_t>(p) * kPiece;
    for (std::int64_t i = 0; i < std::min(kPiece, size_ - first); ++i) {
      make(first + i, piece.transfers, part);
      piece.begin[static_cast<std::size_t>(i) + 1] =
          static_cast<std::uint32_t>(piece.transfers.size());
    }
  });
  for (const sim::Stats& part : parts) stats += part;
}

LayerTraffic::LayerTraffic(const DecodedLayer& layer, const TileSequence& sequence,
                           const NeuronSizes& sizes, const Envelope& envelope, sim::Stats& stats)
    : layer_(layer),
      order_(sequence.order()),
      shared_(layer.loops.kind == map::WorkKind::conv),
      loads_(shared_ ? order_.size() / order_.out_blocks() : order_.size()),
      stores_(order_.size() / order_.in_blocks()),
      directory_(sequence.directory()) {
  fill_loads(sizes, envelope, stats);
  fill_stores(sizes, envelope, stats);
  list_weights(envelope, stats);
}

void LayerTraffic::fill_loads(const NeuronSizes& sizes, const Envelope& envelope,
                              sim::Stats& stats) {
  const std::int64_t times = order_.neuron_loads();
  const auto make = [&](std::int64_t number, std::vector<sim::Transfer>& transfers,
                        sim::Stats& part) {
    thread_local std::vector<Piece> pieces;
    pieces.clear();
    const map::TileStep step = shared_ ? order_.operand_block(number) : order_.step(number);
    input_pieces(layer_.loops, layer_.neurons, order_.box(step), pieces);
    const auto load = [&](std::uint64_t base, const auto& bytes) {
      for (const Piece& piece : pieces) {
        sim::Transfer& transfer =
            transfers.emplace_back(transfer_of(piece, sim::Stream::neurons, base, layer_.neurons));
        if (layer_.neurons.varies()) shrink(transfer, bytes(piece));
        envelope.book_load(transfer, piece.elements(), times, part);
      }
    };
    load(layer_.input, [&](const Piece& piece) { return sizes.input(piece); });
    if (layer_.second) {
      load(*layer_.second, [&](const Piece& piece) { return sizes.second(piece); });
    }
  };
  loads_.fill(make, stats);
}

void LayerTraffic::fill_stores(const NeuronSizes& sizes, const Envelope& envelope,
                               sim::Stats& stats) {
  const auto make = [&](std::int64_t number, std::vector<sim::Transfer>& transfers,
                        sim::Stats& part) {
    thread_local std::vector<Piece> pieces;
    pieces.clear();
    output_pieces(layer_.loops, layer_.neurons, order_.box(order_.output_block(number)), pieces);
    for (const Piece& piece : pieces) {
      sim::Transfer& transfer = transfers.emplace_back(
          transfer_of(piece, sim::Stream::outputs, layer_.output, layer_.neurons));
      if (layer_.neurons.varies()) shrink(transfer, sizes.output(piece));
      envelope.book_store(transfer, piece.elements(), part);
    }
  };
  stores_.fill(make, stats);
}

void LayerTraffic::list_weights(const Envelope& envelope, sim::Stats& stats) {
  if (directory_.empty()) return;
  if (layer_.table_bytes > 0) {
    table_.push_back({sim::Stream::synapses, layer_.table, layer_.table_bytes, 1, 0});
    envelope.book_load(table_[0], 0, 1, stats);
  }
  const std::int64_t times = order_.synapse_loads();
  for (const DirectoryEntry& entry : directory_) {
    if (entry.synapse_bytes > 0) envelope.book_load(synapses_of(entry), 0, times, stats);
    if (entry.index_bytes > 0) envelope.book_load(index_of(entry), 0, times, stats);
  }
}

void LayerTraffic::list(std::int64_t begin, std::int64_t end, const TileCycles& cycles,
                        sim::TileTimes& times) const {
  const std::int64_t last_in = order_.in_blocks() - 1;
  map::TileStep step = order_.step(begin);
  const auto append = [&](std::span<const sim::Transfer> transfers) {
    for (const sim::Transfer& transfer : transfers) times.transfers.push_back(transfer);
  };
  for (std::int64_t number = begin; number < end; ++number) {
    const std::size_t before = times.transfers.size();
    if (order_.loads_neurons(step)) {
      append(loads_[shared_ ? order_.operand_block_of(step) : number]);
    }
    if (number == 0) append(table_);
    if (!directory_.empty() && order_.loads_synapses(step)) {
      const std::int64_t segment =
          (step.group * order_.out_blocks() + step.out) * order_.in_blocks() + step.in;
      const DirectoryEntry& entry = directory_[static_cast<std::size_t>(segment)];
      if (entry.synapse_bytes > 0) times.transfers.push_back(synapses_of(entry));
      if (entry.index_bytes > 0) times.transfers.push_back(index_of(entry));
    }
    const std::size_t loaded = times.transfers.size();
    if (step.in == last_in) append(stores_[order_.output_block_of(step)]);
    times.tiles.push_back({cycles.at(number, step), static_cast<std::uint32_t>(loaded - before),
                           static_cast<std::uint32_t>(times.transfers.size() - loaded)});
    order_.advance(step);
  }
}

}  // namespace syncopate::array
