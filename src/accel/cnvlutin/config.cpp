#include "accel/cnvlutin/config.h"

#include "array/actions.h"

namespace syncopate::accel::cnvlutin {

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "cnvlutin");
  arch::Spec spec;
  spec.machine = "cnvlutin";
  spec.description = "Cnvlutin (ISCA 2016), one unit: skips zero neurons, 16 lanes of bricks";
  spec.lanes = kFilters;
  spec.multipliers_per_lane = kLanes;
  spec.word_bits = 16;  // [recalled, high]
  spec.node_nm = 65;    // [recalled, high]
  spec.clock_mhz = read.integer("clock_mhz", 1000,
                                "clock, MHz; 606 in the paper [recalled, med], 1000 to "
                                "compare [assumed]",
                                1, 10000);
  const std::int64_t nbin = read.integer(
      "NBin", 262144,
      "neurons on chip, bytes of values: one unit's share of a 4 MB memory [recalled, high]", 128,
      1 << 28);
  const std::int64_t nbout =
      read.integer("NBout", 16384, "partial sum buffer, bytes [assumed]", 128, 1 << 24);
  const std::int64_t sb = read.integer(
      "SB", 2097152, "synapse buffer of one unit, bytes [recalled, high]", 1024, 1 << 28);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.choice("narrow_inputs", "dense",
              "inputs of fewer channels than a brick, such as pictures: a kernel position per "
              "cycle, zeros included, as the paper has the first layer [recalled, high], or bricks "
              "like any other",
              {"dense", "bricks"});
  read.integer("fill_cycles", 5,
               "cycles until the first result of a layer: dispatcher 2, multiply-add 3 [assumed]",
               0, 1000);
  array::ActionShape shape;
  shape.lanes = kFilters;
  shape.multipliers_per_lane = kLanes;
  shape.neuron_bytes = nbin / kLanes;  // A bank per lane,
  shape.neuron_row = 1;                // which gives a neuron a cycle.
  shape.synapse_bytes = sb / kLanes;   // A bank per lane, too: 16 synapses, one per filter.
  shape.synapse_row = kFilters;
  shape.sum_bytes = nbout;
  shape.index_bytes = nbin / kLanes * kOffsetBits / (8 * array::kNeuronBytes);
  shape.index_row_bits = kOffsetBits;
  shape.encoder = true;
  spec.actions = array::array_actions(shape);
  spec.params = read.finish();
  return spec;
}

}  // namespace syncopate::accel::cnvlutin
