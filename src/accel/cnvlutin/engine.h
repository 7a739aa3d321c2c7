#pragma once

#include <memory>

#include "accel/cnvlutin/config.h"
#include "array/machine.h"

namespace syncopate::accel::cnvlutin {

/// One unit: 16 neuron lanes by 16 filters. A window's bricks are dealt to the lanes in turn: brick
/// b, counted through kernel positions and, within them, channels, goes to lane b mod 16. A lane
/// takes a non-zero neuron a cycle and multiplies it by the 16 filters' synapses at its offset; an
/// empty brick costs it a cycle. All lanes finish a window before the next one begins. Inputs
/// narrower than a brick may go to the lanes densely instead, one kernel position a cycle.
class Engine : public array::ConvEngine {
 public:
  explicit Engine(bool dense_narrow_inputs) : dense_narrow_inputs_(dense_narrow_inputs) {}
  std::unique_ptr<array::ConvCounter> counter(const sim::LayerData& data,
                                              const array::DecodedLayer& layer) const override;
  void clock(const array::ConvTile& tile, sim::Stats& stats,
             std::span<std::int64_t> sums) const override;

 private:
  bool dense(const map::Loops& loops) const { return dense_narrow_inputs_ && loops.ins < kBrick; }

  bool dense_narrow_inputs_;
};

/// What a window, or several, cost 16 filters.
struct WindowCost {
  std::int64_t cycles = 0;   ///< Of the slowest lane.
  std::int64_t nonzero = 0;  ///< Neurons.
  std::int64_t empty = 0;    ///< Bricks without any.
};
/// Adds the costs of windows, whose masks lie `words` words apart: `positions` kernel positions of
/// `channels` bits.
WindowCost cost_of_windows(const std::uint64_t* rows, std::int64_t windows, std::int64_t words,
                           std::int64_t positions, std::int64_t channels);

}  // namespace syncopate::accel::cnvlutin
