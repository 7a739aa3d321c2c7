#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "array/neurons.h"
#include "array/program.h"
#include "map/tiling.h"
#include "sim/program.h"

namespace syncopate::array {

/// What the tile sequencer makes of a layer's configuration: its tiles with their transfers, by
/// number. Only the directory of weights is held. Thread-safe.
class TileSequence {
 public:
  /// InputError when the configuration is contradictory or points outside the image.
  TileSequence(const DecodedLayer& layer, const sim::Image& image);

  std::int64_t size() const { return order_.size(); }
  const map::TileOrder& order() const { return order_; }
  sim::Tile tile(std::int64_t number) const;
  /// The transfers of a tile with that box, appended to empty lists.
  void transfers(const map::TileBox& box, sim::Loads& loads, sim::Stores& stores) const;
  /// Where the weights of segments lie in the image (array::Segments numbers them); empty without
  /// weights.
  std::span<const DirectoryEntry> directory() const { return directory_; }
  /// The weights of a tile; empty without weights.
  DirectoryEntry weights(const map::TileBox& box) const;

 private:
  DecodedLayer layer_;
  map::TileOrder order_;
  bool weights_ = false;
  std::vector<DirectoryEntry> directory_;  ///< Per segment.
};

/// The loads of a segment's weights.
inline sim::Transfer synapses_of(const DirectoryEntry& entry) {
  return {sim::Stream::synapses, entry.synapses, entry.synapse_bytes, 1, 0};
}
inline sim::Transfer index_of(const DirectoryEntry& entry) {
  return {sim::Stream::index, entry.index, entry.index_bytes, 1, 0};
}

}  // namespace syncopate::array
