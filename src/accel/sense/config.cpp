#include "accel/sense/config.h"

#include <string>

#include "array/neurons.h"
#include "base/error.h"

namespace syncopate::accel::sense {
namespace {

constexpr std::int64_t kKilobyte = 1024;
constexpr std::int64_t kWordBits = 16;        ///< [assumed]; 8-bit chains use the same datapath.
constexpr std::int64_t kCoordinateBits = 16;  ///< [assumed]
constexpr std::int64_t kCounterBits = 16;     ///< Of non-zeros per channel [assumed].
constexpr std::int64_t kIndexRowBits = 16;    ///< Bits of a bitmap read at a time [assumed].

constexpr std::int64_t kCounters = 2048;  ///< Channels that the compressor counts [assumed].
constexpr std::int64_t kMatchBits = 9;    ///< Positions of a window at a time [assumed].
constexpr std::int64_t kPlaceBits = 5;    ///< Of a coordinate within a PE's inputs [assumed].

void read_pe(ParamReader& read) {
  read.choice("pe_mode", "cartesian",
              "how a PE finds pairs: every input of its tile with every weight of a kernel, or "
              "matches of bitmaps output by output [assumed]",
              {"cartesian", "match"});
  const std::string tile =
      read.choice("tile", "auto",
                  "side of the square of outputs that a PE works on; auto takes, per layer, the "
                  "one with the fewest products of dense operands [assumed]",
                  {"auto", "7", "13", "14", "16"});
  const std::int64_t words = read.integer(
      "psum_words", 256, "partial sums in a PE's memory, at least the tile's [assumed]", 49, 4096);
  if (tile != "auto" && std::stoll(tile) * std::stoll(tile) > words) {
    fail("sense.psum_words = {}: a tile of {} x {} outputs does not fit", words, tile, tile);
  }
  read.integer("group_1x1", 32,
               "input channels of a PE in 1x1 and fully connected layers, at most [assumed]", 1,
               1024);
  read.choice("vector", "spread",
              "channels of a PE in 1x1 layers: fewer than group_1x1 when that fills more rows, or "
              "always as many; fully connected layers always fill the rows unless fixed [assumed]",
              {"spread", "fixed"});
  read.choice("spare_rows", "tiles",
              "rows of a layer whose inputs fill at most half of them: take further tiles of the "
              "map in the same pass, or idle [derived: the published rates leave no time for idle "
              "rows in a first layer; how it is done is assumed]",
              {"tiles", "idle"});
  read.integer("row_words", 0,
               "non-zero inputs a cycle that enter a row of PEs; 0: never waited for, as in the "
               "published formula [assumed]",
               0, 64);
}

/// Dataflow and rearrangement; `first` is the first version of the paper.
void read_dataflow(ParamReader& read, bool first) {
  read.choice("clustering", "none",
              "rearranges the channels of an input tile by their non-zeros at run time; static "
              "rearrangement is a matter of the network [paper: channel rearrangement]",
              {"none", "runtime"});
  read.flag("sort_hidden", true,
            "sorting the counters overlaps with computing; else it takes a cycle a channel "
            "whenever input maps are loaded [assumed]");
  read.choice("dataflow", first ? "pr" : "adc",
              "which operand is fetched once: the same for all layers (ifm_first, weight_first), "
              "the better of the two for the network (pr), or for each layer (adc) [paper]",
              {"ifm_first", "weight_first", "pr", "adc"});
  read.real("expected_density", 0.5, "of input maps, when pr chooses for a network [assumed]", 0,
            1);
  read.flag("pipelined", true, "a pass fills the array while the one before computes [assumed]");
}

std::vector<arch::Action> actions(const arch::Spec& spec) {
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.sum_bytes = spec.buffer_bytes("NBout");
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.neuron_row = shape.synapse_row = 1;
  shape.index_bytes = spec.buffer_bytes("SIB");
  shape.index_row_bits = kIndexRowBits;
  shape.encoder = true;
  std::vector<arch::Action> result = array::array_actions(shape);
  using arch::ActionKind;
  const std::int64_t sums = spec.integer("psum_words") * array::kSumBits / 8;
  result.push_back({"coordinate", "index", ActionKind::add, kCoordinateBits, 0});
  result.push_back({"psum read", "PE psums", ActionKind::sram_read, array::kSumBits, sums});
  result.push_back({"psum write", "PE psums", ActionKind::sram_write, array::kSumBits, sums});
  result.push_back({"hop", "links", ActionKind::register_access, kWordBits, 0});
  result.push_back({"count channel", "compressor", ActionKind::add, kCounterBits, 0});
  result.push_back({"sort step", "compressor", ActionKind::add, kCounterBits, 0});
  return result;
}

/// What takes area, or resources of an FPGA (cost/fpga.h).
std::vector<arch::Block> blocks(const arch::Spec& spec) {
  using arch::BlockKind;
  const std::int64_t pes = spec.multipliers();
  const auto buffer = [&](const char* name) { return spec.buffer_bytes(name) * 8; };
  std::vector<arch::Block> result = {
      {"PE", BlockKind::multiplier, kWordBits, pes},
      {"PE", BlockKind::adder, array::kSumBits, 2 * pes},  // Its own sums, and down the column.
      {"PE", BlockKind::registers, 2 * kWordBits + array::kSumBits, pes},
      {"PE psums", BlockKind::sram, spec.integer("psum_words") * array::kSumBits, pes},
      {"compressor", BlockKind::sram, kCounters * kCounterBits, 1},
      {"compressor", BlockKind::adder, kCounterBits, 2 * spec.multipliers_per_lane},
      {"NBin", BlockKind::sram, buffer("NBin"), 1},
      {"NBout", BlockKind::sram, buffer("NBout"), 1},
      {"SB", BlockKind::sram, buffer("SB"), 1},
      {"SIB", BlockKind::sram, buffer("SIB"), 1}};
  if (spec.param("pe_mode") == "match") {
    // A window's bitmap and the kernel's, their AND, and the first match of it.
    result.push_back({"index", BlockKind::registers, 2 * kMatchBits, pes});
    result.push_back({"index", BlockKind::logic, 3 * kMatchBits, pes});
  } else {
    // Two differences of coordinates, an address and two comparisons with the border.
    result.push_back({"index", BlockKind::adder, 2 * kPlaceBits + 2 * kPlaceBits, pes});
    result.push_back({"index", BlockKind::logic, 2 * kPlaceBits, pes});
    result.push_back({"index", BlockKind::registers, 4 * kPlaceBits, pes});
  }
  return result;
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "sense");
  const bool first =
      read.choice("preset", "v2",
                  "v1 (arXiv 2202.00389: Partition Reuse) or v2 (TVLSI 2023: adaptive dataflow), "
                  "which changes the default of dataflow [paper]",
                  {"v1", "v2"}) == "v1";
  arch::Spec spec;
  spec.machine = "sense";
  spec.description = "Sense (TVLSI 2023): systolic array of sparse PEs, balanced operands";
  spec.multipliers_per_lane = static_cast<int>(read.integer(
      "rows", 32, "rows of the array, an input channel each [derived: 409.6 GOP/s]", 1, 64));
  spec.lanes = static_cast<int>(read.integer(
      "columns", 32, "columns, an output channel each; one multiplier in a PE [derived]", 1, 64));
  spec.word_bits = kWordBits;
  spec.node_nm =
      65;  // Published: an FPGA; energy as of the machines it is compared with [assumed].
  spec.clock_mhz = read.integer("clock_mhz", 200, "clock, MHz [paper]", 1, 10000);
  const auto buffer = [&](std::string_view name, std::int64_t fallback, std::string_view help) {
    return read.integer(name, fallback, help, 1, 1 << 18) * kKilobyte;
  };
  const std::int64_t ifm = buffer("ifm_kb", 256, "input maps, both halves, KiB [assumed]");
  const std::int64_t weight = buffer("weight_kb", 256, "weights, both halves, KiB [assumed]");
  const std::int64_t index =
      buffer("index_kb", 32, "bitmaps of weights, both halves, KiB [assumed]");
  const std::int64_t ofm = buffer("ofm_kb", 256, "partial sums, both halves, KiB [assumed]");
  spec.buffers = {{"NBin", ifm}, {"NBout", ofm}, {"SB", weight}, {"SIB", index}};
  read.choice("board", "ZCU102", "FPGA board whose limits reports show [paper]",
              {"ZCU102", "none"});
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset; DDR4-2400's bandwidth [assumed]");
  read_pe(read);
  read_dataflow(read, first);
  spec.params = read.finish();
  spec.actions = actions(spec);
  spec.blocks = blocks(spec);
  return spec;
}

Config::Config(const arch::Spec& spec)
    : rows(spec.multipliers_per_lane),
      columns(spec.lanes),
      mode(spec.param("pe_mode") == "match" ? PeMode::match : PeMode::cartesian),
      tile(spec.param("tile") == "auto" ? 0 : spec.integer("tile")),
      sum_words(spec.integer("psum_words")),
      group(spec.integer("group_1x1")),
      spread(spec.param("vector") == "spread"),
      spare(spec.param("spare_rows") == "tiles"),
      sorted(spec.param("clustering") == "runtime"),
      sort_hidden(spec.flag("sort_hidden")),
      pipelined(spec.flag("pipelined")),
      row_words(spec.integer("row_words")),
      expected_density(std::stod(spec.param("expected_density"))),
      neurons(spec.buffer_bytes("NBin") / 2 / array::kNeuronBytes),
      sums(spec.buffer_bytes("NBout") / 2 / (array::kSumBits / 8)) {
  const std::string& flow = spec.param("dataflow");
  dataflow = flow == "ifm_first"      ? Dataflow::ifm_first
             : flow == "weight_first" ? Dataflow::weight_first
             : flow == "pr"           ? Dataflow::reuse
                                      : Dataflow::adaptive;
}

}  // namespace syncopate::accel::sense
