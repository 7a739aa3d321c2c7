#pragma once

#include <cstdint>
#include <memory>

#include "accel/systolic_dc/config.h"
#include "array/machine.h"

namespace syncopate::accel::systolic_dc {

/// Arrays of side x side PEs, each with the kernel of one output map, or a block of it, in place.
/// One input map streams through all arrays; once the chain is full, every cycle yields a partial
/// sum per array, which is added up in NBout. A pass is one input map, one block of the kernel, one
/// slice of the output (T) and one group of output maps.
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

/// Cycles until a pass over a tile yields its first sum: the neurons that the chain holds, through
/// `rows` kernel rows of `columns` positions and the FIFOs between them, at the rate of the stream,
/// which is a stride's worth of neurons a cycle.
inline std::int64_t chain_fill(const map::Loops& loops, const map::TileBox& box, std::int64_t rows,
                               std::int64_t columns) {
  const std::int64_t width = (box.end[2] - box.begin[2] - 1) * loops.stride[2] +
                             (loops.kernel[2] - 1) * loops.dilation[2] + 1;
  const std::int64_t held =
      (rows - 1) * loops.dilation[1] * width + (columns - 1) * loops.dilation[2];
  return array::ceil_div(held, loops.stride[1] * loops.stride[2]);
}

}  // namespace syncopate::accel::systolic_dc
