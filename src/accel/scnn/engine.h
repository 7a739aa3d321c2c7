#pragma once

#include <cstdint>

#include "accel/scnn/config.h"
#include "array/machine.h"

namespace syncopate::accel::scnn {

/// The convolution datapath. Every PE has the activations of a planar tile. For each group of
/// output channels, channel and stride phase it multiplies every vector of I non-zero activations
/// by every vector of F non-zero weights; a pair of vectors takes as many cycles as the fullest
/// accumulator bank gets products, at least one. After each channel of a group the PEs wait for the
/// slowest; after the last one they exchange the partial sums of their halos.
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

}  // namespace syncopate::accel::scnn
