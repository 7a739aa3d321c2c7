#pragma once

#include <cstdint>
#include <vector>

#include "array/bit_counter.h"

namespace syncopate::accel::zena {

/// Neurons of some spatial tiles, counted per position: eight tiles side by side, so that a
/// kernel's mask meets all of them in one go.
class TileCounts {
 public:
  /// Forgets all tiles.
  void reset(std::int64_t words);
  /// The next tile: masks of its pixels, one row of `words` words each.
  void add(const std::uint64_t* rows, std::int64_t pixels);
  std::int64_t tiles() const { return tiles_; }
  /// Pairs of a kernel with each tile: pairs[tile * pitch].
  void match(const std::uint64_t* kernel, std::int32_t* pairs, std::int64_t pitch) const;

 private:
  /// Bit-sliced counts of eight tiles: [plane][word][tile].
  struct Block {
    std::int64_t planes = 0;
    std::vector<std::uint64_t> words;
  };
  std::int64_t words_ = 0, tiles_ = 0;
  array::BitCounter counter_;
  std::vector<Block> blocks_;
};

}  // namespace syncopate::accel::zena
