#pragma once

#include <cstdint>

#include "accel/cambricon_x/config.h"
#include "array/machine.h"

namespace syncopate::accel::cambricon_x {

/// The convolution datapath: a PE per output, each with an indexing module that picks the neurons
/// of its non-zero synapses. Neurons are not skipped. For a step (16 outputs at one pixel, n
/// positions) a PE with e synapses takes
///   fifo    max(ceil(e/16), ceil(n/Wn)) cycles
///   window  the sum over windows of Wn positions of max(1, ceil(e'/16));
/// PEs wait for each other with the slack that `sync` gives (sim/lanes.h).
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

}  // namespace syncopate::accel::cambricon_x
