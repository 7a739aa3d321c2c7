#include "array/sequence.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::array {
namespace {

constexpr double kMostNeurons = 0x1p44;  ///< In a tensor: more than addresses can reach.
constexpr double kMostPieces = 0x1p20;   ///< Transfers of a tile, of one operand.

void require(bool sound, std::string_view what) {
  if (!sound) fail("program: a layer's {} are contradictory: the program is damaged", what);
}

/// Neurons of a tensor, and transfers that one tile may need of it, line by line.
void check_tensor(const NeuronMap& map, std::int64_t tile_channels,
                  const std::array<std::int64_t, 2>& lines) {
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  double neurons = real(map.batch) * real(map.groups) * real(map.channels);
  for (const std::int64_t extent : map.extent) neurons *= real(extent);
  require(neurons <= kMostNeurons, "tensors");
  const double blocks = real(ceil_div(std::min(map.channels, tile_channels), map.block)) + 1;
  const double pieces =
      blocks * real(std::min(lines[0], map.extent[0])) * real(std::min(lines[1], map.extent[1]));
  require(pieces <= kMostPieces, "tiles");
}

/// Whether arithmetic on the configuration stays in range and tiles are of a size to be listed.
void check(const DecodedLayer& layer) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const map::Loops& l = layer.loops;
  std::array<std::int64_t, 2> in_lines{}, out_lines{};
  require(l.batch <= kMost && l.groups <= kMost && l.outs <= kMost && l.ins <= kMost, "channels");
  for (std::size_t d = 0; d < 3; ++d) {
    for (const auto* extents : {&l.out, &l.in, &l.kernel, &l.stride, &l.dilation}) {
      require((*extents)[d] >= 1 && (*extents)[d] <= kMost, "extents");
    }
    require(l.pad[d] >= -kMost && l.pad[d] <= kMost, "extents");
    const std::int64_t pixels = std::min(l.out[d], layer.tiling.block[d]);
    if (d == 2) continue;
    out_lines[d] = pixels;
    in_lines[d] = (pixels - 1) * l.stride[d] + (l.kernel[d] - 1) * l.dilation[d] + 1;
    require(in_lines[d] >= 1, "extents");
  }
  const bool conv = l.kind == map::WorkKind::conv;
  check_tensor(NeuronMap::input(l, layer.neurons), conv ? layer.tiling.ins : layer.tiling.outs,
               in_lines);
  check_tensor(NeuronMap::output(l, layer.neurons), layer.tiling.outs, out_lines);
}

}  // namespace

TileSequence::TileSequence(const DecodedLayer& layer, const sim::Image& image)
    : layer_(layer),
      order_(layer.loops, layer.tiling),
      weights_(layer.loops.weights && layer.loops.kind != map::WorkKind::elementwise) {
  if (layer.tiles != order_.size()) {
    fail("program: a layer runs {} tiles, its loops have {}: the program is damaged", layer.tiles,
         order_.size());
  }
  check(layer);
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
