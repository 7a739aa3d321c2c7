#pragma once

#include <cstdint>
#include <memory>

#include "accel/fesa/config.h"
#include "array/machine.h"

namespace syncopate::accel::fesa {

/// The array. A step is a group of output maps at a group of pixels. Input map by input map, every
/// PE multiplies the weights of its kernel's pattern, one a cycle, by its pixel's neurons; all wait
/// for the kernel with the most before the next input map. In a layer of one pixel rows take input
/// maps instead, a group at a time.
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

}  // namespace syncopate::accel::fesa
