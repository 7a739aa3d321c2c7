#pragma once

#include <cstdint>

#include "accel/zena/config.h"
#include "array/machine.h"

namespace syncopate::accel::zena {

/// The convolution datapath. A PE works on one kernel over one spatial tile and takes a cycle per
/// pair of non-zero operands. It takes its own kernels in order, then the last queued kernel of the
/// PE that has the most non-zero weights queued; see schedule.h for what is its own.
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

}  // namespace syncopate::accel::zena
