#include "accel/cambricon_x/config.h"

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::accel::cambricon_x {
namespace {

constexpr int kLanes = static_cast<int>(Config::lanes);        ///< [paper]
constexpr int kMultipliers = static_cast<int>(Config::width);  ///< Per PE [recalled, high].

void read_structure(ParamReader& read) {
  const std::int64_t window =
      read.integer("Wn", 256,
                   "positions an indexing module scans per cycle; a multiple of 64 "
                   "[recalled, med]",
                   64, 4096);
  if (window % 64 != 0) fail("cambricon_x.Wn = {}: expected a multiple of 64", window);
  read.choice(
      "compaction", "fifo",
      "selected pairs fill PEFU rows across windows, or window by window; the paper does one "
      "of them [assumed]",
      {"fifo", "window"});
  read.choice("sync", "group_barrier",
              "PEs wait for each other after every group of outputs, or one group later [assumed]",
              {"group_barrier", "fifo_of_1_group"});
  read.integer("step_bits", 4, "bits of a step index; longer gaps need fillers [assumed]", 1, 8);
  read.choice("filler", "drop",
              "fillers of the index cost bytes only, or multiplier slots too [assumed]",
              {"drop", "issue"});
  read.integer("fill_cycles", 5,
               "cycles until the first result of a layer: indexing 2, PEFU 3 [assumed]", 0, 1000);
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "cambricon_x");
  arch::Spec spec;
  spec.machine = "cambricon_x";
  spec.description = "Cambricon-X (MICRO 2016): skips zero weights, one index per PE";
  spec.lanes = kLanes;
  spec.multipliers_per_lane = kMultipliers;
  spec.word_bits = 16;  // [recalled, med]
  spec.node_nm = 65;    // [paper]
  spec.clock_mhz = read.integer("clock_mhz", 1000, "clock, MHz [recalled, med]", 1, 10000);
  constexpr std::int64_t kLargest = 1 << 28;
  const std::int64_t nbin =
      read.integer("NBin", 8192, "input neuron buffer, bytes [recalled, med]", 128, kLargest);
  const std::int64_t nbout =
      read.integer("NBout", 8192, "partial sum buffer, bytes [recalled, med]", 128, kLargest);
  const std::int64_t sb = read.integer(
      "SB", 32768, "synapse buffers of all PEs, bytes [recalled, med]", 1024, kLargest);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read_structure(read);
  spec.params = read.finish();
  array::ActionShape shape;
  shape.lanes = kLanes;
  shape.multipliers_per_lane = kMultipliers;
  shape.neuron_bytes = nbin;
  shape.synapse_bytes = sb / kLanes;
  shape.sum_bytes = nbout;
  // Steps lie beside the synapses they belong to, a row of steps for a row of synapses [assumed].
  shape.index_row_bits = kMultipliers * spec.integer("step_bits");
  shape.index_bytes = shape.synapse_bytes * spec.integer("step_bits") / spec.word_bits;
  spec.actions = array::array_actions(shape);
  return spec;
}

Config::Config(const arch::Spec& spec)
    : window(spec.integer("Wn")),
      fifo(spec.param("compaction") == "fifo"),
      issue_fillers(spec.param("filler") == "issue"),
      step_bits(static_cast<int>(spec.integer("step_bits"))),
      slack(spec.param("sync") == "group_barrier" ? 1 : 2),
      fill_cycles(spec.integer("fill_cycles")) {}

}  // namespace syncopate::accel::cambricon_x
