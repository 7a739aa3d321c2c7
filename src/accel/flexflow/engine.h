#pragma once

#include <cstdint>
#include <memory>

#include "accel/flexflow/config.h"
#include "array/machine.h"

namespace syncopate::accel::flexflow {

/// The convolution datapath: D x D PEs, each with local stores, that walk the pairs of their
/// residue class; a row reduces what its PEs have added up into one output neuron.
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

}  // namespace syncopate::accel::flexflow
