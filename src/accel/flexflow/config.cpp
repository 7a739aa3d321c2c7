#include "accel/flexflow/config.h"

#include <bit>

#include "array/actions.h"
#include "base/error.h"

namespace syncopate::accel::flexflow {
namespace {

constexpr std::int64_t kLargest = 1 << 28;

void read_compiler(ParamReader& read) {
  read.choice("chaining", "chained",
              "<Tm,Tr,Tc> of a layer = <Tn,Ti,Tj> of the next [public: study notes], or every "
              "layer chooses alone",
              {"chained", "free"});
  read.choice("packing", "factors",
              "windows lie by factors [paper], or packed jointly over a row: an upper bound "
              "[derived]",
              {"factors", "packed"});
  read.choice("objective", "cycles", "what the choice of factors minimizes [recalled, med]",
              {"cycles", "energy", "edp"});
  read.choice("factor_basis", "dense",
              "factors chosen on the dense shape or on non-zero weights "
              "[assumed]",
              {"dense", "effective"});
  read.text("factors", "",
            "factors of single layers, by name: conv1=Tm.Tn.Tr.Tc.Ti.Tj,conv2=...; others keep "
            "what was chosen");
}

void read_sparsity(ParamReader& read, bool pro) {
  read.choice("skip", pro ? "both" : "none",
              "pairs left out: with a zero synapse, a zero neuron, or either [paper: both; how: "
              "assumed]",
              {"none", "synapse", "neuron", "both"});
  read.integer("slack", 8,
               "outputs a PE may be ahead of its row's reduction; 1 is lock step, 0 unbounded "
               "[assumed]",
               0, 4096);
  read.integer("n_min", 0, "least cycles of a PE per output: 1 charges a vain scan [assumed]", 0,
               1);
  read.choice("slices_per_cycle", "4",
              "16-bit bitmap slices scanned per cycle; 4 hide empty ones "
              "[assumed]",
              {"1", "2", "4"});
  read.choice("refill", "skew",
              "rows differ by at most one half of a local store, or meet at every half, or stores "
              "hold nobody up (a bound) [assumed]",
              {"skew", "barrier", "free"});
  read.choice("compress", pro ? "bitmap" : "none",
              "neurons and synapses in DRAM and buffers: as they are, or one bit each and the "
              "non-zeros [assumed]",
              {"none", "bitmap"});
  read.choice("column_balance", "none",
              "input channels dealt to columns in order, or by non-zero weights, offline "
              "[assumed]",
              {"none", "greedy"});
  read.real("pe_power_overhead", pro ? 0.15 : 0,
            "share of PE energy for skip logic and FIFOs [assumed]", 0, 10);
  read.real("area_overhead", pro ? 0.10 : 0, "share of area for them [assumed]", 0, 10);
}

std::vector<arch::Action> actions(const arch::Spec& spec) {
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.sum_bytes = spec.buffer_bytes("NBout");
  // The kernel buffer is read a row of banks at a time.
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.index_row_bits = kWordBits * spec.multipliers_per_lane;
  shape.index_bytes = std::max(spec.buffer_bytes("SB") / kWordBits, shape.index_row_bits / 8);
  shape.encoder = true;
  std::vector<arch::Action> result = array::array_actions(shape);
  using arch::ActionKind;
  const std::int64_t store = spec.integer("store_words") * kWordBits / 8;
  result.push_back({"local store read", "local stores", ActionKind::sram_read, kWordBits, store});
  result.push_back({"local store write", "local stores", ActionKind::sram_write, kWordBits, store});
  result.push_back({"skip multiply share", "skip logic", ActionKind::multiply, kWordBits, 0});
  result.push_back({"skip add share", "skip logic", ActionKind::add, array::kSumBits, 0});
  result.push_back({"skip store share", "skip logic", ActionKind::sram_read, kWordBits, store});
  return result;
}

std::vector<arch::Block> blocks(const arch::Spec& spec) {
  using arch::BlockKind;
  const std::int64_t pes = spec.multipliers(), d = spec.lanes;
  const auto buffer = [&](const char* name) { return spec.buffer_bytes(name) * 8; };
  std::vector<arch::Block> result = {
      {"PE", BlockKind::multiplier, kWordBits, pes},
      {"PE", BlockKind::adder, array::kSumBits, pes},
      {"PE", BlockKind::registers, kWordBits + array::kSumBits, pes},
      {"local stores", BlockKind::sram, spec.integer("store_words") * kWordBits, 2 * pes},
      {"pooling unit", BlockKind::adder, array::kSumBits, d},
      {"NBin", BlockKind::sram, buffer("NBin"), 1},
      {"NBout", BlockKind::sram, buffer("NBout"), 1},
      {"SB", BlockKind::sram, buffer("SB"), 1}};
  if (spec.param("skip") != "none") {
    // What grows with a PE's slack and scan; the rest of the skip logic is in area_overhead.
    const std::int64_t scanned = kWordBits * spec.integer("slices_per_cycle");
    result.push_back({"skip logic", BlockKind::sram, array::kSumBits * spec.integer("slack"), pes});
    result.push_back({"skip logic", BlockKind::logic, scanned, pes});
  }
  return result;
}

template <class Enum>
Enum pick(std::string_view value, std::initializer_list<std::string_view> names) {
  std::uint8_t at = 0;
  for (const std::string_view name : names) {
    if (name == value) return static_cast<Enum>(at);
    ++at;
  }
  broken("'{}' is none of the declared options", value);
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "flexflow");
  const bool pro =
      read.choice("preset", "flexflow",
                  "flexflow (HPCA 2017), or pro (IEEE TC 2019), which changes the defaults of "
                  "skip, compress and the overheads",
                  {"flexflow", "pro"}) == "pro";
  arch::Spec spec;
  spec.machine = "flexflow";
  spec.description =
      pro ? "FlexFlow-Pro (TC 2019): flexible unrolling, PEs skip zeros out of step"
          : "FlexFlow (HPCA 2017): unrolls maps, neurons and synapses as each layer needs";
  const std::int64_t d =
      read.integer("D", 16, "rows and columns of the array [paper: 16, also 8, 32, 64]", 4, 64);
  spec.lanes = spec.multipliers_per_lane = static_cast<int>(d);
  spec.word_bits = kWordBits;
  spec.node_nm = 65;  // [paper]
  spec.clock_mhz = read.integer("clock_mhz", 1000, "clock, MHz [derived]", 1, 10000);
  // Buffers have a bank per row or column, so that they grow with the array [derived].
  const std::int64_t nbin = read.integer(
      "NBin", 1024 * d, "half of the 32 KB neuron buffer [paper] at D = 16, bytes: inputs", 128,
      kLargest);
  const std::int64_t nbout = read.integer(
      "NBout", 1024 * d, "the other half, which swaps roles with it: partial sums", 128, kLargest);
  const std::int64_t sb =
      read.integer("SB", 2048 * d, "kernel buffer, bytes [paper: 32 KB at D = 16]", 128, kLargest);
  spec.buffers = {{"NBin", nbin}, {"NBout", nbout}, {"SB", sb}};
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  read.integer("store_words", 128, "words of each of a PE's two local stores [paper: 256 B]", 2,
               65536);
  read.choice("fill", "layer",
              "what filling local stores costs: nothing, the first window of a layer and the "
              "reduction's drain, or every word on its bus [assumed]",
              {"none", "layer", "bus"});
  read.choice("reduction", "tree", "adders of a row: a tree or a chain [assumed]",
              {"tree", "chain"});
  read_compiler(read);
  read_sparsity(read, pro);
  spec.params = read.finish();
  spec.area_overhead = std::stod(spec.param("area_overhead"));
  spec.actions = actions(spec);
  spec.blocks = blocks(spec);
  return spec;
}

Config::Config(const arch::Spec& spec)
    : array(spec.lanes),
      skip(pick<Skip>(spec.param("skip"), {"none", "synapse", "neuron", "both"})),
      slack(spec.integer("slack")),
      n_min(spec.integer("n_min")),
      slices(spec.integer("slices_per_cycle")),
      store_words(spec.integer("store_words")),
      refill(pick<Refill>(spec.param("refill"), {"skew", "barrier", "free"})),
      fill(pick<Fill>(spec.param("fill"), {"none", "layer", "bus"})),
      reduction_cycles(spec.param("reduction") == "tree"
                           ? std::bit_width(static_cast<std::uint64_t>(spec.lanes - 1))
                           : spec.lanes - 1),
      compress(spec.param("compress") == "bitmap"),
      overhead_percent(
          static_cast<std::int64_t>(100 * std::stod(spec.param("pe_power_overhead")) + 0.5)),
      effective(spec.param("factor_basis") == "effective"),
      balance(spec.param("column_balance") == "greedy"),
      overrides(spec.param("factors")) {
  chooser.array = array;
  chooser.chained = spec.param("chaining") == "chained";
  chooser.packed = spec.param("packing") == "packed";
  chooser.objective = objective_from(spec.param("objective"));
  chooser.store_words = store_words;
}

void tally(sim::Stats& stats, OwnAct act, std::int64_t times) {
  stats.actions[array::kFirstOwnAct + static_cast<std::size_t>(act)] += times;
}

}  // namespace syncopate::accel::flexflow
