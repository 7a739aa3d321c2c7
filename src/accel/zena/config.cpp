#include "accel/zena/config.h"

namespace syncopate::accel::zena {
namespace {

constexpr std::int64_t kMaskRow = 64;       ///< Bits of a mask read at once [assumed].
constexpr std::int64_t kLargest = 1 << 28;  ///< Bytes of a buffer.
constexpr std::int64_t kMasksPerByte = 16;  ///< 16-bit synapses have a mask bit each.

/// What one pair needs from a PE's own memory.
arch::Action operand_read(std::int64_t word_bits, std::int64_t bytes) {
  return {"PE operand read", "PE memory", arch::ActionKind::sram_read, 2 * word_bits, bytes};
}

Steal steal_from(const std::string& name) {
  if (name == "none") return Steal::none;
  return name == "local" ? Steal::local : Steal::all;
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "zena");
  arch::Spec spec;
  spec.machine = "zena";
  spec.description = "ZENA (D&T 2018): skips zero neurons and weights, PEs steal kernels";
  spec.lanes = static_cast<int>(
      read.integer("groups", 16,
                   "groups of PEs that share neurons by local broadcast; the published machine has "
                   "168 PEs [recalled, med], e.g. 12 x 14 [assumed]",
                   1, 64));
  spec.multipliers_per_lane = static_cast<int>(
      read.integer("pes_per_group", 16, "PEs of a group, one multiplier each [assumed]", 1, 16));
  spec.word_bits = 16;  // [assumed]
  spec.node_nm = 65;    // [recalled, med]
  spec.clock_mhz = read.integer(
      "clock_mhz", 1000,
      "clock, MHz; published 200 [recalled, med], raised to the others' [assumed]", 1, 10000);
  const std::int64_t nbin =
      read.integer("NBin", 65536, "input neuron buffer, bytes [assumed]", 128, kLargest);
  const std::int64_t nbout =
      read.integer("NBout", 131072, "partial sum buffer, bytes [assumed]", 512, kLargest);
  const std::int64_t sb =
      read.integer("SB", 131072, "synapse buffer, bytes [assumed]", 1024, kLargest);
  const std::int64_t memory = read.integer(
      "PE_memory", 512, "operands a PE keeps, bytes; energy only [assumed]", 64, 65536);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.choice("steal", "all",
              "idle PEs take kernels of no one, of PEs on the same spatial tile, or of all "
              "[assumed]",
              {"none", "local", "all"});
  read.integer("steal_cost", 0, "cycles an idle PE needs to take over a kernel [assumed]", 0,
               10000);
  read.integer("kernel_overhead", 0,
               "cycles before the first pair of a kernel on a spatial tile [assumed]", 0, 10000);
  read.integer("fill_cycles", 5,
               "cycles until the first result of a layer: masks 1, operands 2, multiply and add 2 "
               "[assumed]",
               0, 1000);
  spec.params = read.finish();
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = nbin;
  shape.synapse_bytes = sb / spec.lanes;
  shape.sum_bytes = nbout;
  shape.index_bytes = sb / kMasksPerByte;
  shape.index_row_bits = kMaskRow;
  shape.encoder = true;
  spec.actions = array::array_actions(shape);
  spec.actions.push_back(operand_read(spec.word_bits, memory));
  return spec;
}

Config::Config(const arch::Spec& spec)
    : groups(spec.lanes),
      pes_per_group(spec.multipliers_per_lane),
      steal(steal_from(spec.param("steal"))),
      steal_cost(spec.integer("steal_cost")),
      kernel_overhead(spec.integer("kernel_overhead")),
      fill_cycles(spec.integer("fill_cycles")),
      neuron_row(spec.multipliers_per_lane),
      synapse_row(spec.multipliers_per_lane),
      mask_row(kMaskRow) {}

}  // namespace syncopate::accel::zena
