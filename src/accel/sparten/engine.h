#pragma once

#include <cstdint>

#include "accel/sparten/config.h"
#include "array/machine.h"

namespace syncopate::accel::sparten {

/// The convolution datapath. A step is a group of filters at one pixel; steps go to the clusters in
/// turn, groups outside, pixels inside, and clusters do not wait for each other within a tile. A
/// cluster broadcasts the pixel's window chunk by chunk to its CUs, which join it with the same
/// chunk of their one or two filters and take a cycle per pair of non-zeros; the next chunk follows
/// when the slowest CU is done.
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

}  // namespace syncopate::accel::sparten
