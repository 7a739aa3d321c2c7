#pragma once

#include <cstdint>

#include "array/machine.h"

namespace syncopate::accel::diannao {

/// The NFU: every lane multiplies the same 16 neurons by its own 16 synapses each cycle, zeros and
/// padding included. A step (16 outputs at one pixel) takes one beat per kernel position and 16
/// inputs.
class Engine : public array::ConvEngine {
 public:
  Engine(std::int64_t lanes, std::int64_t multipliers_per_lane)
      : lanes_(lanes), width_(multipliers_per_lane) {}
  std::unique_ptr<array::ConvCounter> counter(const sim::LayerData& data,
                                              const array::DecodedLayer& layer) const override;
  void clock(const array::ConvTile& tile, sim::Stats& stats,
             std::span<std::int64_t> sums) const override;

 private:
  std::int64_t lanes_, width_;
};

}  // namespace syncopate::accel::diannao
