#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "arch/isa.h"
#include "array/masks.h"
#include "array/patches.h"
#include "array/plain.h"
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

/// Counts the convolution tiles of one layer, whose weights it has looked at once.
class ConvCounter {
 public:
  virtual ~ConvCounter() = default;
  /// Books one tile; called concurrently. `stats` may hold other tiles already: add to them. Every
  /// pair issued counts as Cause::work here; how many of them are effectual is a matter of the
  /// operands alone, and the caller turns the others into bubbles.
  virtual void count(const map::TileBox& box, const PixelMasks& neurons,
                     sim::Stats& stats) const = 0;
  /// Books what follows from the number of effectual pairs alone, after all tiles of a layer, or
  /// one: `pairs` are theirs. So that a counter need not find them again.
  virtual void count_effectual(std::int64_t pairs, sim::Stats& stats) const {
    static_cast<void>(pairs), static_cast<void>(stats);
  }
  /// False when only shapes and weights decide: `neurons` is then empty.
  virtual bool uses_neurons() const { return true; }
  /// False when, besides, only the number of pixels counts, not where they lie: tiles of the same
  /// weights and as many pixels cost the same. Then one of them is counted for all.
  virtual bool uses_place() const { return true; }
  /// What `count` gets as neurons, loaded again for every operand block; one per thread.
  virtual std::unique_ptr<PixelMasks> masks() const { return std::make_unique<PixelMasks>(); }
};

/// The convolution datapath, the part in which array machines differ. Both engines book cycles,
/// causes (the layer's fill excepted), pairs and the actions of multipliers, adders, NBin and SB
/// reads, of the index logic and of parts of its own; the rest is common and added by ArrayMachine,
/// which writes every partial sum once per tile.
class ConvEngine {
 public:
  virtual ~ConvEngine() = default;
  /// Prepares counting a layer: what depends on weights alone. Both arguments outlive the result,
  /// whose activations may be set anew between counts.
  virtual std::unique_ptr<ConvCounter> counter(const sim::LayerData& data,
                                               const DecodedLayer& layer) const = 0;
  /// One tile, cycle by cycle. Statistics come zeroed, effectual pairs and bubbles are booked too.
  /// `sums` is [pixel][output], zeroed.
  virtual void clock(const ConvTile& tile, sim::Stats& stats,
                     std::span<std::int64_t> sums) const = 0;
};

struct MachineTraits {
  const arch::InstructionSet* isa = nullptr;
  std::int64_t fill_cycles = 0;  ///< Pipeline stages, charged on the first tile of a layer.
  /// How a layer's outputs lie over the array; without it Spec::lanes output channels.
  std::function<ArrayShape(const map::Loops& loops)> shape;
};

/// A machine whose multipliers work for one output at a time, be it a lane's own channel or a PE's
/// own pixel: decoding, windows and elementwise work, buffers at their DMA side and partial sums
/// are common; convolutions are the engine's.
class ArrayMachine : public sim::Machine {
 public:
  ArrayMachine(const arch::Spec& spec, const MachineTraits& traits,
               std::unique_ptr<const ConvEngine> engine);
  /// The run must not outlive the machine.
  std::unique_ptr<sim::LayerRun> open(const sim::Program& program, std::size_t layer,
                                      const sim::LayerData& data) const override;

 private:
  arch::Spec spec_;
  MachineTraits traits_;
  std::unique_ptr<const ConvEngine> engine_;
};

}  // namespace syncopate::array
