#include "accel/swallow/config.h"

#include <numeric>

#include "array/neurons.h"
#include "base/error.h"

namespace syncopate::accel::swallow {
namespace {

constexpr std::int64_t kBlock = array::NeuronFormat{}.block;

std::vector<arch::Action> actions(const arch::Spec& spec, const Config& config) {
  using arch::ActionKind;
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.synapse_row = config.columns;
  shape.sum_bytes = spec.buffer_bytes("NBout");
  shape.index_bytes = spec.buffer_bytes("SB") / spec.word_bits;
  shape.index_row_bits = config.block;
  shape.encoder = true;
  std::vector<arch::Action> result = array::array_actions(shape);
  // Matching masks of a block: a bit of logic per input map of it.
  result.push_back({"match", "matching", ActionKind::logic, config.block, 0});
  result.push_back({"pass", "PE links", ActionKind::register_access, 2 * spec.word_bits, 0});
  return result;
}

}  // namespace

Config::Config(const arch::Spec& spec)
    : rows(spec.integer("rows")),
      columns(spec.integer("columns")),
      block(spec.integer("block_channels")),
      block_cycles(spec.integer("block_cycles")),
      fill_cycles(spec.integer("fill_cycles")) {}

map::Grain Config::grain(const map::Loops& loops) const {
  const std::int64_t ins = std::lcm(block, kBlock);
  if (loops.kind != map::WorkKind::conv) return {columns, ins, {1, 1, 1}};
  if (by_blocks(loops)) return {columns, std::lcm(rows * block, kBlock), {1, 1, 1}};
  // Lines whose pixels fill the rows.
  const std::int64_t width = loops.out[2];
  return {columns, ins, {1, rows / std::gcd(width, rows), width}};
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
  ParamReader read(overrides, "swallow");
  arch::Spec spec;
  spec.machine = "swallow";
  spec.description =
      "Swallow (TCAD 2020): systolic matrix product, skips zeros of both, not balanced";
  const std::int64_t rows =
      read.integer("rows", 32, "rows of PEs, a pixel each [derived]", 1, 1024);
  const std::int64_t columns =
      read.integer("columns", 32, "columns of PEs, an output map each [derived]", 16, 1024);
  if (columns % kBlock != 0) {
    fail("swallow: columns={} must be a multiple of {}", columns, kBlock);
  }
  spec.lanes = static_cast<int>(columns);
  spec.multipliers_per_lane = static_cast<int>(rows);
  spec.word_bits = 16;  // [assumed]
  spec.node_nm = 65;    // [assumed]
  spec.clock_mhz = read.integer(
      "clock_mhz", 200, "clock, MHz; 300 published [derived], 200 to compare [assumed]", 1, 10000);
  constexpr std::string_view kBuffer = "bytes, as the machines it is compared with [assumed]";
  const auto buffer = [&](const char* name, std::string_view of) {
    return arch::Buffer{
        name, read.integer(name, 262144, std::string(of) + std::string(kBuffer), 1024, 1 << 28)};
  };
  spec.buffers = {buffer("NBin", "input neurons, "), buffer("NBout", "partial sums, "),
                  buffer("SB", "weights, ")};
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset [assumed]");
  read.integer("block_channels", 32, "input maps of a 3-D block, between two barriers [assumed]", 8,
               4096);
  read.integer("block_cycles", 1, "cycles that a block takes at least [assumed]", 1, 1000);
  read.choice("reuse", "neurons",
              "what stays on chip while the other streams: neurons always [paper: Sense], or what "
              "moves less",
              {"neurons", "adaptive"});
  read.integer("fill_cycles", 62,
               "cycles until the first result of a layer leaves the array: rows and columns of PEs "
               "less 2 [derived]",
               0, 100000);
  spec.params = read.finish();
  spec.actions = actions(spec, Config(spec));
  return spec;
}

}  // namespace syncopate::accel::swallow
