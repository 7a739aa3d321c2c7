#pragma once

#include <cstdint>

#include "accel/cambricon_s/config.h"
#include "array/machine.h"

namespace syncopate::accel::cambricon_s {

/// The convolution datapath: NSM, SSM, WDM and PEFU. A step (16 outputs at one pixel, n positions
/// of which w are marked by the index and f also have a non-zero neuron) takes
///   fifo    max(ceil(f/16), ceil(n/Wn), ceil(w/Ws)) cycles
///   window  the sum over windows of Wn positions of max(1, ceil(f'/16), ceil(w'/Ws)).
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

/// Index rows and synapse rows that one step reads.
struct StepReads {
  std::int64_t index = 0;     ///< SIB rows.
  std::int64_t synapses = 0;  ///< SB rows of one lane.
};

/// How a layer's weights are packed, from its code.
struct SynapseLayout {
  std::int64_t kernel = 1;
  std::int64_t block = 1;  ///< Inputs per index bit.
  int bits = 16;           ///< Per stored synapse.

  explicit SynapseLayout(const array::DecodedLayer& layer);
  /// SIB rows of a step.
  std::int64_t index_rows(const map::TileBox& box) const;
  /// Of a step with `marked` positions under the index.
  StepReads reads(const map::TileBox& box, std::int64_t marked) const;
};

}  // namespace syncopate::accel::cambricon_s
