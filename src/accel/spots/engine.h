#pragma once

#include <cstdint>
#include <memory>

#include "accel/spots/config.h"
#include "array/machine.h"

namespace syncopate::accel::spots {

/// The output-stationary array. A step is a group of filters at a group of pixels; every cycle
/// takes one position of the windows, whose weights come down the rows and whose neurons come along
/// the columns. Positions without any weight or neuron are left out; products with one zero are
/// gated. Pieces of a split array take steps in turn and wait for each other at the end of a tile.
class Engine : public array::ConvEngine {
 public:
  explicit Engine(const Config& config) : config_(config) {}
  std::unique_ptr<array::ConvCounter> counter(const sim::LayerData& data,
                                              const array::DecodedLayer& layer) const override;
  void clock(const array::ConvTile& tile, sim::Stats& stats,
             std::span<std::int64_t> sums) const override;

 private:
  Config config_;
};

}  // namespace syncopate::accel::spots
