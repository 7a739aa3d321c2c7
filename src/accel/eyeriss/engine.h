#pragma once

#include <cstdint>
#include <memory>

#include "accel/eyeriss/config.h"
#include "array/machine.h"

namespace syncopate::accel::eyeriss {

/// The PE array. A PE convolves one row of an input map with one row of a kernel. A set of PEs, a
/// row of PEs per kernel row and a column per output row, makes the rows of one output map from one
/// input map; partial sums add up along its columns. As many sets as fit work at once.
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

}  // namespace syncopate::accel::eyeriss
