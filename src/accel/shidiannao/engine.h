#pragma once

#include <cstdint>
#include <memory>

#include "accel/shidiannao/config.h"
#include "array/machine.h"

namespace syncopate::accel::shidiannao {

/// The PE array: every PE owns one pixel of the output map in work. Each cycle takes one position
/// of the kernel of one input map, whose synapse goes to all PEs. Neurons come from NBin the first
/// time a row of PEs needs them and from the neighbor's FIFO after that.
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

/// Positions of the kernel that a neuron moves back, seen from the neighbor in dimension `d`: what
/// a PE needs now, its neighbor used `shift` positions ago. Beyond the kernel when neighbors never
/// need the same neuron.
inline std::int64_t shift_of(const map::Loops& loops, std::size_t d) {
  return loops.stride[d] % loops.dilation[d] == 0 ? loops.stride[d] / loops.dilation[d]
                                                  : loops.kernel[d];
}

}  // namespace syncopate::accel::shidiannao
