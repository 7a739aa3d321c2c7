#include "array/sequence.h"

#include <cstring>

#include "base/error.h"

namespace syncopate::array {

TileSequence::TileSequence(const DecodedLayer& layer, const sim::Image& image)
    : layer_(layer),
      order_(layer.loops, layer.tiling),
      weights_(layer.loops.weights && layer.loops.kind != map::WorkKind::elementwise) {
  if (layer.tiles != order_.size()) {
    fail("program: a layer runs {} tiles, its loops have {}: the program is damaged", layer.tiles,
         order_.size());
  }
  if (!weights_) return;
  directory_ = read_directory(image, layer.directory, Segments(layer.loops, layer.tiling).size());
}

sim::Tile TileSequence::tile(std::int64_t number) const {
  sim::Tile tile{order_.box(number), {}, {}};
  transfers(tile.box, tile.loads, tile.stores);
  return tile;
}

DirectoryEntry TileSequence::weights(const map::TileBox& box) const {
  if (!weights_) return {};
  const auto number = Segments(layer_.loops, layer_.tiling).number(box);
  return directory_[static_cast<std::size_t>(number)];
}

void TileSequence::transfers(const map::TileBox& box, sim::Loads& loads,
                             sim::Stores& stores) const {
  thread_local std::vector<Piece> pieces;
  if (box.load_neurons) {
    pieces.clear();
    input_pieces(layer_.loops, layer_.neurons, box, pieces);
    const auto load = [&](std::uint64_t base) {
      for (const Piece& piece : pieces) {
        loads.push_back(transfer_of(piece, sim::Stream::neurons, base, layer_.neurons));
      }
    };
    load(layer_.input);
    if (layer_.second) load(*layer_.second);
  }
  if (weights_) {
    if (first_of_layer(box) && layer_.table_bytes > 0) {
      loads.push_back({sim::Stream::synapses, layer_.table, layer_.table_bytes, 1, 0});
    }
    if (box.load_synapses) {
      const DirectoryEntry entry = weights(box);
      if (entry.synapse_bytes > 0) loads.push_back(synapses_of(entry));
      if (entry.index_bytes > 0) loads.push_back(index_of(entry));
    }
  }
  if (!box.last) return;
  pieces.clear();
  output_pieces(layer_.loops, layer_.neurons, box, pieces);
  for (const Piece& piece : pieces) {
    stores.push_back(transfer_of(piece, sim::Stream::outputs, layer_.output, layer_.neurons));
  }
}

}  // namespace syncopate::array
