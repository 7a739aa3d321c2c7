#include "accel/diannao/config.h"

#include "array/actions.h"

namespace syncopate::accel::diannao {
namespace {

constexpr int kLanes = 16;        ///< Tn, outputs in parallel [public: DianNao study note].
constexpr int kMultipliers = 16;  ///< Ti per output; 256 in all [paper].

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "diannao");
  arch::Spec spec;
  spec.machine = "diannao";
  spec.description = "DianNao (ASPLOS 2014): dense, 16 x 16 multipliers, no index";
  spec.lanes = kLanes;
  spec.multipliers_per_lane = kMultipliers;
  spec.word_bits = 16;  // [paper]
  spec.node_nm = 65;    // [paper]
  spec.clock_mhz =
      read.integer("clock_mhz", 980, "clock, MHz; 1.02 ns [public: DianNao study note]", 1, 10000);
  const std::int64_t nbin =
      read.integer("NBin", 2048, "input neuron buffer, bytes [recalled, high]", 128, 1 << 24);
  const std::int64_t nbout =
      read.integer("NBout", 2048, "partial sum buffer, bytes [recalled, high]", 128, 1 << 24);
  const std::int64_t sb =
      read.integer("SB", 32768, "synapse buffer, bytes [recalled, high]", 1024, 1 << 28);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.integer("fill_cycles", 3,
               "cycles until the first result of a layer: NFU-1, NFU-2, NFU-3 [assumed]", 0, 1000);
  array::ActionShape shape;
  shape.lanes = kLanes;
  shape.multipliers_per_lane = kMultipliers;
  shape.neuron_bytes = nbin;
  shape.synapse_bytes = sb / kLanes;
  shape.sum_bytes = nbout;
  spec.actions = array::array_actions(shape);
  spec.params = read.finish();
  return spec;
}

}  // namespace syncopate::accel::diannao
