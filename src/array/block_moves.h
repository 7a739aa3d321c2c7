#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "array/envelope.h"
#include "map/tiling.h"
#include "sim/program.h"

namespace syncopate::array {

/// What the blocks of a layer's loops move of its input operands, or of its output. Blocks of one
/// shape move the same pieces, only elsewhere, and a layer has a handful of shapes: so pieces are
/// cut once per shape, and dense bytes, numbers of transfers and accesses are a matter of shapes
/// alone. Only sizes that vary with the neurons are added up block by block. Thread-safe.
class BlockMoves {
 public:
  enum class Side : std::uint8_t { input, output };
  /// Keeps references to all of them.
  BlockMoves(const DecodedLayer& layer, const map::TileOrder& order, const NeuronSizes& sizes,
             Side side);

  /// Books what all blocks move, inputs `times` times.
  void book(const Envelope& envelope, std::int64_t times, sim::Stats& stats) const;

  struct Amount {
    std::uint32_t transfers = 0;
    std::int64_t bytes = 0;  ///< True ones.
  };
  /// What the block of a tile moves.
  Amount amount(const map::TileStep& step) const {
    const Shape& shape = shapes_[shape_of(step)];
    return {shape.transfers, bytes_.empty() ? shape.bytes : bytes_[number(step)]};
  }
  /// The same as transfers, with true sizes. Appends.
  void append(const map::TileStep& step, std::vector<sim::Transfer>& transfers) const;

 private:
  /// A tensor that is read or written.
  struct Operand {
    std::uint64_t address = 0;
    const Density* density = nullptr;  ///< Null where sizes do not vary.
  };
  struct Shape {
    Place place;                ///< Of the block whose pieces these are.
    std::vector<Piece> pieces;  ///< Per operand, the same of each.
    std::vector<Density::Corners>
        corners;  ///< Of all pieces, operand after operand; where sizes vary.
    std::uint32_t transfers = 0;
    std::int64_t bytes = 0;   ///< Dense.
    std::int64_t blocks = 0;  ///< That have this shape.
  };
  /// The blocks along a dimension of the map.
  struct Dimension {
    std::vector<std::int64_t> low;     ///< Per block: where it begins.
    std::vector<std::size_t> extent;   ///< Per block: which of the different extents it has.
    std::vector<std::int64_t> blocks;  ///< Per extent: how many blocks have it,
    std::vector<std::int64_t> first;   ///< and the first of these.
  };

  bool input() const { return side_ == Side::input; }
  std::int64_t channel_blocks() const {
    return conv_ && input() ? order_.in_blocks() : order_.out_blocks();
  }
  std::int64_t channel_block(const map::TileStep& step) const {
    return conv_ && input() ? step.in : step.out;
  }
  void list_operands(const NeuronSizes& sizes);
  void list_dimensions();
  void cut_shapes();
  void cut_shape(const map::TileStep& step, std::int64_t blocks);
  void add_up();
  std::size_t shape_of(const map::TileStep& step) const;
  std::size_t number(const map::TileStep& step) const;
  std::int64_t blocks() const;
  map::TileStep step(std::int64_t number) const;
  Place place(const map::TileStep& step) const;
  /// From the block whose pieces a shape has to that of a tile.
  Place further(const Shape& shape, const map::TileStep& step) const;
  std::int64_t true_bytes(const map::TileStep& step) const;

  const DecodedLayer& layer_;
  const map::TileOrder& order_;
  Side side_;
  bool conv_;
  NeuronMap map_;
  std::vector<Operand> operands_;
  std::array<Dimension, 3> dimensions_;
  std::vector<Shape> shapes_;        ///< By extents, and whether the block of channels is the last.
  std::vector<std::int64_t> bytes_;  ///< Per block, where sizes vary.
};

}  // namespace syncopate::array
