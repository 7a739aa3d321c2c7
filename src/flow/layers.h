#pragma once

#include <vector>

#include "gconv/chain.h"
#include "map/loops.h"
#include "report/result.h"
#include "sim/layer_data.h"

namespace syncopate::flow {

/// The loops of every GCONV, in order.
std::vector<map::Loops> loops_of_all(const gconv::Chain& chain);

/// "conv 3x3/2", "fc", "depthwise 3x3", "pool 2x2/2", "elementwise", ...
std::string kind_of(const gconv::GConv& gconv, const map::Loops& loops);

/// What every GCONV is; densities of inputs, and of weights that machines keep masks of, are left
/// at 1.
std::vector<report::NetworkLayer> describe_layers(const gconv::Chain& chain,
                                                  const std::vector<map::Loops>& loops);

/// Averages the density of inputs over several inferences, and counts weights where their masks are
/// built anyway.
class DensityCounter {
 public:
  explicit DensityCounter(std::vector<report::NetworkLayer>& layers);
  void add(std::size_t layer, const sim::LayerData& data);
  /// Writes the averages into the layers.
  void finish();

 private:
  std::vector<report::NetworkLayer>& layers_;
  std::vector<std::int64_t> nonzero_, all_;
};

}  // namespace syncopate::flow
