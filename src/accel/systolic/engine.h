#pragma once

#include <cstdint>
#include <memory>

#include "accel/systolic/config.h"
#include "array/machine.h"

namespace syncopate::accel::systolic {

/// Weights of `rows` positions of a window (kernel positions and channels, one after another) by
/// `columns` outputs stay in the array while the windows of a tile's pixels stream through, one a
/// cycle; sums move down the columns.
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

}  // namespace syncopate::accel::systolic
