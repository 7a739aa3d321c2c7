#pragma once

#include <cstdint>
#include <memory>

#include "accel/swallow/config.h"
#include "array/machine.h"

namespace syncopate::accel::swallow {

/// The array. A step is a group of output maps at a group of pixels. Block by block of input maps,
/// every PE takes the pairs of non-zeros in its pixel's window and its kernel, one a cycle; all
/// wait for the PE with the most before the next block. In a layer of one pixel rows take blocks
/// instead, a group at a time, and sums add up along columns.
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

}  // namespace syncopate::accel::swallow
