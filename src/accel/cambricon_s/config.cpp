#include "accel/cambricon_s/config.h"

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::accel::cambricon_s {
namespace {

constexpr int kLanes = static_cast<int>(Config::lanes);        ///< [recalled, high]
constexpr int kMultipliers = static_cast<int>(Config::width);  ///< Per PE [recalled, high].
constexpr int kIndexRow = 256;  ///< Bits of one SIB access: a window's index [assumed].

void read_structure(ParamReader& read) {
  const std::int64_t window = read.integer(
      "Wn", 256, "positions NSM scans per cycle; a multiple of 64 [recalled, low]", 64, 4096);
  if (window % 64 != 0) fail("cambricon_s.Wn = {}: expected a multiple of 64", window);
  read.integer("Ws", 64, "synapses each SSM scans per cycle [recalled, low]", 16, 4096);
  read.choice("compaction", "fifo",
              "selected neurons fill PEFU rows across windows, or window by window; the paper does "
              "one of them [assumed]",
              {"fifo", "window"});
  read.flag("skip_neurons", true, "NSM drops zero neurons [paper]; false for ablation");
  read.choice("encoder", "bitmap",
              "neurons in DRAM: one bit each and the non-zero values, or as they are [assumed]",
              {"bitmap", "none"});
  read.choice(
      "codebook", "auto",
      "store weights of at most 16 or 256 distinct values as 4- or 8-bit codes [paper; bits "
      "public: summaries]",
      {"auto", "off"});
  read.integer("lut_entries", 256, "codebook entries per PE [assumed]", 16, 256);
  read.integer("nsm_stages", 4, "pipeline stages of NSM [assumed]", 0, 100);
  read.integer("ssm_stages", 2, "pipeline stages of SSM and WDM [assumed]", 0, 100);
  read.integer("pefu_stages", 3, "pipeline stages of PEFU [assumed]", 0, 100);
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "cambricon_s");
  arch::Spec spec;
  spec.machine = "cambricon_s";
  spec.description = "Cambricon-S (MICRO 2018): shared block index, skips zero neurons, codebooks";
  spec.lanes = kLanes;
  spec.multipliers_per_lane = kMultipliers;
  spec.word_bits = 16;  // [recalled, high]
  spec.node_nm = 65;    // [public: summaries]
  spec.clock_mhz = read.integer("clock_mhz", 1000, "clock, MHz [derived]", 1, 10000);
  constexpr std::int64_t kLargest = 1 << 28;
  const std::int64_t nbin =
      read.integer("NBin", 8192, "input neuron buffer, bytes [recalled, med]", 128, kLargest);
  const std::int64_t nbout =
      read.integer("NBout", 8192, "partial sum buffer, bytes [recalled, med]", 128, kLargest);
  const std::int64_t sb = read.integer(
      "SB", 32768, "synapse buffers of all PEs, bytes [recalled, med]", 1024, kLargest);
  const std::int64_t sib =
      read.integer("SIB", 2048, "synapse index buffer, bytes [recalled, low]", 64, kLargest);
  const std::int64_t ib =
      read.integer("IB", 4096, "instruction buffer, bytes [recalled, low]", 64, kLargest);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}, {"SIB", sib}, {"IB", ib}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read_structure(read);
  spec.params = read.finish();
  array::ActionShape shape;
  shape.lanes = kLanes;
  shape.multipliers_per_lane = kMultipliers;
  shape.neuron_bytes = nbin;
  shape.synapse_bytes = sb / kLanes;
  shape.sum_bytes = nbout;
  shape.index_bytes = sib;
  shape.index_row_bits = kIndexRow;
  shape.encoder = true;
  shape.lut_bytes = spec.integer("lut_entries") * 2;
  spec.actions = array::array_actions(shape);
  return spec;
}

Config::Config(const arch::Spec& spec)
    : neuron_window(spec.integer("Wn")),
      synapse_window(spec.integer("Ws")),
      fifo(spec.param("compaction") == "fifo"),
      skip_neurons(spec.flag("skip_neurons")),
      codebook(spec.param("codebook") == "auto"),
      lut_entries(spec.integer("lut_entries")),
      fill_cycles(spec.integer("nsm_stages") + spec.integer("ssm_stages") +
                  spec.integer("pefu_stages")),
      encoder(spec.param("encoder") == "bitmap") {}

}  // namespace syncopate::accel::cambricon_s
