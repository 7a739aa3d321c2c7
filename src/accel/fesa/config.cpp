#include "accel/fesa/config.h"

#include <numeric>

#include "array/neurons.h"
#include "base/error.h"

namespace syncopate::accel::fesa {
namespace {

constexpr std::int64_t kBlock = array::NeuronFormat{}.block;

}  // namespace

Config::Config(const arch::Spec& spec)
    : rows(spec.integer("rows")),
      columns(spec.integer("columns")),
      patterns(spec.integer("patterns")),
      fill_cycles(spec.integer("fill_cycles")) {}

map::Grain Config::grain(const map::Loops& loops) const {
  if (loops.kind != map::WorkKind::conv) return {columns, kBlock, {1, 1, 1}};
  if (by_inputs(loops)) return {columns, std::lcm(rows, kBlock), {1, 1, 1}};
  // Lines whose pixels fill the rows.
  const std::int64_t width = loops.out[2];
  return {columns, kBlock, {1, rows / std::gcd(width, rows), width}};
}

array::ArrayShape Config::shape() const {
  array::ArrayShape shape;
  shape.multipliers = pes();
  shape.step = {columns, 1, {1, 1, rows}};
  shape.neuron_row = {1, 1, {1, 1, rows}};
  shape.sum_row = {columns, 1, {1, 1, 1}};
  return shape;
}

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "fesa");
  arch::Spec spec;
  spec.machine = "fesa";
  spec.description = "FESA (2021): kernels pruned to a few patterns, neurons dense";
  const std::int64_t rows = read.integer(
      "rows", 32, "rows of PEs, a pixel each; 1024 multipliers to compare [assumed]", 1, 1024);
  const std::int64_t columns =
      read.integer("columns", 32, "columns of PEs, an output map each [assumed]", 16, 1024);
  if (columns % kBlock != 0) {
    fail("fesa: columns={} must be a multiple of {}", columns, kBlock);
  }
  spec.lanes = static_cast<int>(columns);
  spec.multipliers_per_lane = static_cast<int>(rows);
  spec.word_bits = 16;  // [assumed]
  spec.node_nm = 65;    // [assumed]
  spec.clock_mhz = read.integer("clock_mhz", 200, "clock, MHz, to compare [assumed]", 1, 10000);
  constexpr std::string_view kBuffer = "bytes, as the machines it is compared with [assumed]";
  const auto buffer = [&](const char* name, std::string_view of) {
    return arch::Buffer{
        name, read.integer(name, 262144, std::string(of) + std::string(kBuffer), 1024, 1 << 28)};
  };
  spec.buffers = {buffer("NBin", "input neurons, "), buffer("NBout", "partial sums, "),
                  buffer("SB", "weights, ")};
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset [assumed]");
  read.integer("patterns", 7, "patterns that kernels of a layer may have; 2 to 7 [paper: Sense]", 2,
               16);
  read.integer("fill_cycles", 62,
               "cycles until the first result of a layer leaves the array: rows and columns of PEs "
               "less 2 [derived]",
               0, 100000);
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.synapse_row = 1;
  shape.sum_bytes = spec.buffer_bytes("NBout");
  shape.index_bytes = spec.buffer_bytes("SB") / spec.word_bits;
  shape.index_row_bits = 4;  // The pattern of a kernel.
  spec.actions = array::array_actions(shape);
  spec.params = read.finish();
  return spec;
}

}  // namespace syncopate::accel::fesa
