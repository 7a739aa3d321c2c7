#pragma once

#include <memory>
#include <span>
#include <vector>

#include "arch/isa.h"
#include "array/actions.h"
#include "array/patches.h"
#include "array/program.h"
#include "sim/machine.h"

namespace syncopate::array {

/// One convolution tile as the clocked engine sees it. Weights are bytes of the program's image.
struct ConvTile {
  const sim::LayerData& data;
  const DecodedLayer& layer;
  const map::TileBox& box;
  const Patches& patches;
  std::span<const std::byte> synapses, index, table;
};

/// The convolution datapath, the part in which array machines differ. Both engines book cycles,
/// causes (fill excepted), pairs and the actions of multipliers, adders, NBin and SB reads, and of
/// the index logic; the rest is common and added by ArrayMachine. Statistics come zeroed.
class ConvEngine {
 public:
  virtual ~ConvEngine() = default;
  /// All tiles of a layer from masks.
  virtual void count(const sim::LayerData& data, const DecodedLayer& layer,
                     std::span<const sim::Tile> tiles,
                     std::span<sim::TileResult> results) const = 0;
  /// One tile, cycle by cycle. `sums` is [pixel][output], zeroed.
  virtual void clock(const ConvTile& tile, sim::Stats& stats,
                     std::span<std::int64_t> sums) const = 0;
};

struct MachineTraits {
  const arch::InstructionSet* isa = nullptr;
  std::int64_t fill_cycles = 0;  ///< Pipeline stages, charged on the first tile of a layer.
  bool bitmap_neurons = false;   ///< See CompilerTraits.
};

/// A machine of lanes that each own one output: decoding, windows and elementwise work, buffers at
/// their DMA side and partial sums are common; convolutions are the engine's.
class ArrayMachine : public sim::Machine {
 public:
  ArrayMachine(const arch::Spec& spec, const MachineTraits& traits,
               std::unique_ptr<const ConvEngine> engine);
  std::vector<sim::Tile> tiles(const sim::Program& program, std::size_t layer) const override;
  using sim::Machine::count;
  std::vector<sim::TileResult> count(const sim::Program& program, std::size_t layer,
                                     const sim::LayerData& data,
                                     std::span<const sim::Tile> tiles) const override;
  sim::ClockedTile clock(const sim::Program& program, std::size_t layer, const sim::Tile& tile,
                         const sim::LayerData& data) const override;

 private:
  class Sizes;
  void add_envelope(const sim::LayerData& data, const map::TileBox& box, const Sizes& sizes,
                    sim::TileResult& result) const;
  void book_compressed(const sim::LayerData& data, const map::TileBox& box, const Sizes& sizes,
                       sim::TileResult& result) const;
  std::int64_t row_bytes(Act act) const;
  void start(const sim::Tile& tile, sim::TileResult& result) const;

  arch::Spec spec_;
  MachineTraits traits_;
  std::unique_ptr<const ConvEngine> engine_;
};

}  // namespace syncopate::array
