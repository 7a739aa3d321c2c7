#include "accel/shidiannao/config.h"

#include "array/actions.h"

namespace syncopate::accel::shidiannao {

Config::Config(const arch::Spec& spec)
    : rows(spec.integer("rows")),
      columns(spec.integer("columns")),
      classifier_outputs(spec.param("classifier") == "outputs"),
      fill_cycles(spec.integer("fill_cycles")) {}

bool Config::by_outputs(const map::Loops& loops) const {
  return classifier_outputs && loops.kind == map::WorkKind::conv && loops.pixels() == 1 &&
         loops.kernel_size() == 1;
}

map::Grain Config::grain(const map::Loops& loops) const {
  if (by_outputs(loops)) return {pes(), 1, {1, 1, 1}};
  return {1, 1, {1, rows, columns}};
}

array::ArrayShape Config::shape(const map::Loops& loops) const {
  array::ArrayShape shape;
  shape.multipliers = pes();
  shape.step = grain(loops);
  // A row of the buffers serves a row of PEs.
  shape.neuron_row = {1, 1, {1, 1, columns}};
  shape.sum_row = by_outputs(loops) ? map::Grain{columns, 1, {1, 1, 1}} : shape.neuron_row;
  return shape;
}

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "shidiannao");
  arch::Spec spec;
  spec.machine = "shidiannao";
  spec.description = "ShiDianNao (ISCA 2015), 2-D mapping: dense, a PE per output pixel of one map";
  const std::int64_t rows =
      read.integer("rows", 16, "rows of PEs; 16 in FlexFlow's comparison [paper]", 1, 256);
  const std::int64_t columns =
      read.integer("columns", 16, "columns of PEs; likewise [paper]", 1, 256);
  spec.lanes = static_cast<int>(rows * columns);
  spec.multipliers_per_lane = 1;
  spec.word_bits = 16;  // [paper]
  spec.node_nm = 65;    // [recalled, high]
  spec.clock_mhz = read.integer("clock_mhz", 1000, "clock, MHz [recalled, high]", 1, 10000);
  const std::int64_t nbin =
      read.integer("NBin", 65536, "input neuron buffer, bytes [recalled, high]", 128, 1 << 24);
  const std::int64_t nbout =
      read.integer("NBout", 65536, "output neuron buffer, bytes [recalled, high]", 128, 1 << 24);
  const std::int64_t sb =
      read.integer("SB", 131072, "synapse buffer, bytes [recalled, high]", 128, 1 << 28);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.choice("classifier", "outputs",
              "fully connected layers: a PE per output [recalled, med], or one PE at work, as the "
              "formula for pixels has it",
              {"outputs", "pixels"});
  read.integer("fill_cycles", 3,
               "cycles until the first result of a layer: read, multiply-add, write [assumed]", 0,
               1000);
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = 1;
  shape.neuron_bytes = nbin;
  shape.neuron_row = columns;
  shape.synapse_bytes = sb;
  shape.sum_bytes = nbout;
  shape.sum_row = columns;
  spec.actions = array::array_actions(shape);
  // Into the neighbor's FIFO and out of it.
  spec.actions.push_back(
      {"pass neuron", "PE links", arch::ActionKind::register_access, 2 * spec.word_bits, 0});
  spec.params = read.finish();
  return spec;
}

}  // namespace syncopate::accel::shidiannao
