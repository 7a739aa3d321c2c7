#include "accel/sparten/config.h"

#include "base/error.h"

namespace syncopate::accel::sparten {
namespace {

constexpr std::int64_t kLargest = 1 << 28;  ///< Bytes of a buffer.
constexpr std::int64_t kMasksPerByte = 16;  ///< 16-bit synapses have a mask bit each.

Balance balance_from(const std::string& name) {
  if (name == "none") return Balance::none;
  return name == "gb_s" ? Balance::filter : Balance::chunk;
}

void read_structure(ParamReader& read) {
  const std::int64_t chunk = read.integer(
      "chunk", 128, "positions of a chunk; a multiple of 64 [public: AIChip notes]", 64, 1024);
  if (chunk % 64 != 0) fail("sparten.chunk = {}: expected a multiple of 64", chunk);
  read.choice("balance", "gb_h",
              "filters of a CU: one (none), or a dense and a sparse one paired offline per tile "
              "(gb_s) or per chunk (gb_h) [public: AIChip notes]",
              {"none", "gb_s", "gb_h"});
  read.integer("chunk_cycles", 1, "cycles a broadcast chunk takes at least [assumed]", 0, 16);
  read.integer("unpermute_cycles", 0,
               "cycles per step to put balanced outputs back in order [assumed]", 0, 1000);
  read.integer("fill_cycles", 6,
               "cycles until the first result of a layer: join 3, operands 1, multiply and add 2 "
               "[assumed]",
               0, 1000);
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "sparten");
  arch::Spec spec;
  spec.machine = "sparten";
  spec.description = "SparTen (MICRO 2019): bitmask inner join of 128-element chunks, both zeros";
  spec.lanes = static_cast<int>(read.integer(
      "units", 32,
      "compute units of a cluster, one multiplier each; a multiple of 16 [recalled, med]", 16, 64));
  if (spec.lanes % 16 != 0) fail("sparten.units = {}: expected a multiple of 16", spec.lanes);
  spec.multipliers_per_lane = static_cast<int>(read.integer(
      "clusters", 8, "clusters; published 32 [recalled, med], 8 for 256 multipliers [assumed]", 1,
      64));
  spec.word_bits = 16;  // Published 8 [recalled, med]; the others' width [assumed].
  spec.node_nm = 65;    // Published 45 [public: third-party simulator]; the others' [assumed].
  spec.clock_mhz = read.integer("clock_mhz", 1000,
                                "clock, MHz; published 800 [public: AIChip notes], raised to the "
                                "others' [assumed]",
                                1, 10000);
  const std::int64_t nbin =
      read.integer("NBin", 65536, "input neuron buffer, bytes [assumed]", 128, kLargest);
  const std::int64_t nbout =
      read.integer("NBout", 131072, "partial sum buffer, bytes [assumed]", 1024, kLargest);
  const std::int64_t sb =
      read.integer("SB", 131072, "synapse buffer, bytes [assumed]", 1024, kLargest);
  const std::int64_t memory = read.integer(
      "CU_memory", 1024,
      "operands a CU keeps, bytes; energy only; published 0.97 KB [recalled, low]", 64, 65536);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read_structure(read);
  spec.params = read.finish();
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = nbin;
  shape.synapse_bytes = sb / spec.multipliers_per_lane;
  shape.sum_bytes = nbout;
  shape.index_bytes = sb / kMasksPerByte;
  shape.index_row_bits = spec.integer("chunk");
  shape.encoder = true;
  spec.actions = array::array_actions(shape);
  using arch::ActionKind;
  spec.actions.push_back(
      {"CU operand read", "CU memory", ActionKind::sram_read, 2 * spec.word_bits, memory});
  // At 45 nm 128 bits of selection logic cost 2.7 pJ. Published: 48 mW of prefix sums and 6.4 mW of
  // priority encoders for 32 CUs at 800 MHz, 2.1 pJ [public: third-party simulator].
  spec.actions.push_back({"join a pair", "index", ActionKind::logic, spec.integer("chunk"), 0});
  spec.actions.push_back({"permute sum", "permuter", ActionKind::logic, array::kSumBits, 0});
  return spec;
}

Config::Config(const arch::Spec& spec)
    : clusters(spec.multipliers_per_lane),
      units(spec.lanes),
      chunk(spec.integer("chunk")),
      balance(balance_from(spec.param("balance"))),
      chunk_cycles(spec.integer("chunk_cycles")),
      unpermute_cycles(spec.integer("unpermute_cycles")),
      fill_cycles(spec.integer("fill_cycles")),
      row(spec.multipliers_per_lane) {}

}  // namespace syncopate::accel::sparten
