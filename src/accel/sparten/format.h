#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "accel/sparten/config.h"
#include "array/bitmap_format.h"

// Filters as masks and non-zero weights, with the order in which CUs get them. The filters of a
// segment are cut into groups of Config::filters(). With balance `filter` the order is one for the
// segment, by non-zero weights, so that groups hold filters alike and pairs the extremes of a
// group; with `chunk` every group has an order per chunk. The order lies behind the masks of the
// index:
//   filter   [place] number of the filter in the segment, 16 bits
//   chunk    [group][chunk][place] number of the filter in the group, order_bits() bits

namespace syncopate::accel::sparten {

/// Order of a tile's filters: [group][chunk][place] number in the tile. Groups are full but the
/// last.
class Order {
 public:
  Order(const Config& config, std::int64_t outputs, std::int64_t positions);
  std::int64_t groups() const { return groups_; }
  std::int64_t chunks() const { return chunks_; }
  /// Filters of a group.
  std::int64_t filters(std::int64_t group) const;
  /// The number in the tile of the filter at that place, for one chunk.
  std::int32_t at(std::int64_t group, std::int64_t chunk, std::int64_t place) const {
    return data_[static_cast<std::size_t>(index(group, chunk, place))];
  }
  void set(std::int64_t group, std::int64_t chunk, std::int64_t place, std::int64_t filter) {
    data_[static_cast<std::size_t>(index(group, chunk, place))] = static_cast<std::int32_t>(filter);
  }

 private:
  std::int64_t index(std::int64_t group, std::int64_t chunk, std::int64_t place) const {
    return (group * chunks_ + chunk) * filters_ + place;
  }
  std::int64_t outputs_, filters_, groups_, chunks_;
  std::vector<std::int32_t> data_;
};

/// The order that balances filters with those masks, `words` words each.
Order balance(const Config& config, std::span<const std::uint64_t> masks, std::int64_t words,
              std::int64_t positions);

class ChunkFormat : public array::BitmapFormat {
 public:
  ChunkFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  std::int64_t order_bytes(std::int64_t outputs, std::int64_t inputs) const;
  Config config_;
};

/// Reads the order of a segment from its index.
Order decode_order(const Config& config, std::span<const std::byte> index, std::int64_t outputs,
                   std::int64_t positions);

}  // namespace syncopate::accel::sparten
