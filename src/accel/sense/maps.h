#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "accel/sense/geometry.h"
#include "array/masks.h"

namespace syncopate::accel::sense {

/// Counts set bits per channel over rows of bits, eight channels at a time.
class ChannelCounter {
 public:
  explicit ChannelCounter(std::int64_t channels);
  /// Adds bits [begin, begin + channels) of a row.
  void add(const std::uint64_t* row, std::int64_t begin);
  /// Adds the counts to `to` and begins anew.
  void finish(std::span<std::uint32_t> to);

 private:
  std::int64_t channels_;
  int rows_ = 0;                      ///< In the bytes.
  std::vector<std::uint64_t> bytes_;  ///< A byte per channel.
  std::vector<std::uint64_t> aligned_;
  std::vector<std::uint32_t> counts_;
};
/// A byte per bit of the index, 0 or 1, first bit first.
extern const std::array<std::uint64_t, 256> kSpread;

/// The input maps of an operand block as the array holds them: non-zeros of every channel in every
/// PE tile.
class Maps : public array::PixelMasks {
 public:
  Maps(const Config& config, const Geometry& geometry) : config_(config), geometry_(geometry) {}
  void load(const sim::LayerData& data, const map::TileBox& box, std::int64_t words) override;

  std::int64_t channels() const { return channels_; }
  /// Channel at each place of the order of passes.
  std::span<const std::int32_t> order() const { return order_; }
  struct Tile {
    Area outputs{};
    std::int64_t inputs = 0;              ///< Of a channel, zeros included.
    std::vector<std::uint32_t> features;  ///< [feature][channel]: non-zero inputs.
    std::vector<std::uint32_t> values;    ///< [channel]: those that meet a weight.
  };
  std::span<const Tile> tiles() const { return {tiles_.data(), used_}; }
  /// A fully connected layer's inputs, from the bit where weights of the block begin.
  std::span<const std::uint64_t> bits() const { return bits_; }

 private:
  void load_tile(const sim::LayerData& data, const map::TileBox& box, Tile& tile);
  void count_windows(const sim::LayerData& data, const map::TileBox& box, const Area& outputs,
                     std::span<std::uint32_t> counts);
  void sort(const sim::LayerData& data, const map::TileBox& box);

  const Config& config_;
  const Geometry& geometry_;
  std::int64_t channels_ = 0;
  std::vector<std::int32_t> order_;
  std::vector<Tile> tiles_;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> bits_;
};

/// The order of a tile's channels in passes: by falling number of non-zeros if sorted, ties as they
/// are.
std::vector<std::int32_t> pass_order(std::span<const std::uint32_t> nonzeros, bool sorted);

}  // namespace syncopate::accel::sense
