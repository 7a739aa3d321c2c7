#include "accel/systolic_dc/config.h"

namespace syncopate::accel::systolic_dc {

Config::Config(const arch::Spec& spec)
    : arrays(spec.integer("arrays")),
      side(spec.integer("side")),
      fifo_fill(spec.param("fill") == "fifo"),
      fill_cycles(spec.integer("fill_cycles")) {}

map::Grain Config::grain(const map::Loops& loops) const {
  return {loops.kind == map::WorkKind::conv ? arrays : 1, 1, {1, 1, 1}};
}

array::ArrayShape Config::shape(const map::Loops& loops) const {
  array::ArrayShape shape;
  shape.multipliers = multipliers();
  shape.step = grain(loops);
  shape.neuron_row = {1, 1, {1, 1, 1}};  // Neurons stream one by one.
  shape.sum_row = {arrays, 1, {1, 1, 1}};
  shape.taps = {1, side, side};
  return shape;
}

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "systolic_dc");
  arch::Spec spec;
  spec.machine = "systolic_dc";
  spec.description = "systolic, DC-CNN-like: dense, an array of kernel positions per output map";
  const std::int64_t arrays = read.integer(
      "arrays", 7, "arrays, each on one output map; 2 for AlexNet in FlexFlow [derived]", 1, 4096);
  const std::int64_t side =
      read.integer("side", 6, "an array has side x side PEs; 11 for AlexNet [derived]", 1, 64);
  spec.lanes = static_cast<int>(arrays);
  spec.multipliers_per_lane = static_cast<int>(side * side);
  spec.word_bits = 16;  // [recalled, high], as FlexFlow
  spec.node_nm = 65;    // [paper], of the comparison
  spec.clock_mhz =
      read.integer("clock_mhz", 1000, "clock, MHz [derived], of the comparison", 1, 10000);
  const std::int64_t nbin =
      read.integer("NBin", 32768, "input buffer, bytes; as FlexFlow's [assumed]", 128, 1 << 24);
  const std::int64_t nbout =
      read.integer("NBout", 32768, "partial sum buffer, bytes; likewise [assumed]", 128, 1 << 24);
  const std::int64_t sb =
      read.integer("SB", 32768, "kernel buffer, bytes; likewise [assumed]", 128, 1 << 28);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.choice("fill", "none",
              "time until the FIFOs between kernel rows, width - K long, are full, for every input "
              "map: not charged, as in FlexFlow's utilization, or charged [derived]",
              {"none", "fifo"});
  read.integer("fill_cycles", 3,
               "cycles until the first result of a layer: read, multiply-add, write [assumed]", 0,
               1000);
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = nbin;
  shape.neuron_row = 1;
  shape.synapse_bytes = sb;
  shape.synapse_row = 1;
  shape.sum_bytes = nbout;
  spec.actions = array::array_actions(shape);
  // Out of one register and into the next.
  spec.actions.push_back(
      {"shift neuron", "neuron chain", arch::ActionKind::register_access, 2 * spec.word_bits, 0});
  spec.params = read.finish();
  return spec;
}

}  // namespace syncopate::accel::systolic_dc
