#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arch/isa.h"
#include "arch/spec.h"
#include "base/small_vector.h"
#include "gconv/chain.h"
#include "map/loops.h"
#include "map/tiling.h"

namespace syncopate::sim {

/// What a DMA transfer carries.
enum class Stream : std::uint8_t { neurons, synapses, index, outputs };

/// One DMA transfer: `runs` pieces of equal length, `pitch` bytes apart, `bytes` in all. For data
/// compressed at run time (sparse neurons), `bytes` is the dense bound in a program and the true
/// size in a tile's result.
struct Transfer {
  Stream stream = Stream::neurons;
  std::uint64_t address = 0;
  std::int64_t bytes = 0;
  std::int64_t runs = 1;
  std::int64_t pitch = 0;
  bool operator==(const Transfer&) const = default;
};

/// A tile's transfers; few enough, mostly, to need no allocation.
using Loads = SmallVector<Transfer, 3>;
using Stores = SmallVector<Transfer, 1>;

/// What a layer's tiles mean once its instructions are decoded: loads, one computation, stores.
/// Loads of tile t+1 and stores of tile t-1 overlap the computation of tile t.
struct Tile {
  map::TileBox box;
  Loads loads;
  Stores stores;
  bool operator==(const Tile&) const = default;
};

/// The constant part of a machine's memory: weights in that machine's own compressed format.
class Image {
 public:
  virtual ~Image() = default;
  /// The bytes of [address, address + bytes), encoded on demand or read from a file.
  virtual std::vector<std::byte> read(std::uint64_t address, std::int64_t bytes) const = 0;
  /// Total size in bytes.
  virtual std::int64_t bytes() const = 0;
};

/// The code of one GCONV.
struct LayerCode {
  std::size_t gconv = 0;  ///< Index in the chain.
  map::Loops loops;
  map::Tiling tiling;
  std::size_t begin = 0, end = 0;  ///< Instructions [begin, end) of Program::code.
};

using arch::Instruction;

/// Instructions plus memory image. Instructions are 128 bits; each machine declares their fields
/// in an arch::InstructionSet.
struct Program {
  std::string machine;
  std::vector<Instruction> code;
  std::vector<LayerCode> layers;
  std::shared_ptr<const Image> image;
};

}  // namespace syncopate::sim
