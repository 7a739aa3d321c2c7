#include "accel/eyeriss/config.h"

#include <numeric>

namespace syncopate::accel::eyeriss {
namespace {

constexpr std::int64_t kPublishedPes = 168;
constexpr std::int64_t kBusWords = 4;  ///< 64-bit accesses to the global buffer [recalled, high].

std::vector<arch::Action> actions(const arch::Spec& spec, const Config& config) {
  using arch::ActionKind;
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = 1;
  shape.neuron_bytes = spec.buffer_bytes("NBin");
  shape.neuron_row = kBusWords;
  shape.synapse_bytes = spec.buffer_bytes("SB");
  shape.synapse_row = kBusWords;
  shape.sum_bytes = spec.buffer_bytes("NBout");
  shape.sum_row = kBusWords / 2;  // Four sums of 16 bits.
  // There is no index; the coder's actions come after one.
  shape.index_bytes = shape.index_row_bits = 8;
  shape.encoder = true;
  std::vector<arch::Action> result = array::array_actions(shape);
  const std::int64_t word = spec.word_bits, store = config.filter_words * word / 8;
  result.push_back({"filter read", "PE filter store", ActionKind::sram_read, word, store});
  result.push_back({"filter write", "PE filter store", ActionKind::sram_write, word, store});
  result.push_back({"neuron read", "PE neuron store", ActionKind::register_access, word, 0});
  result.push_back({"sum update", "PE sum store", ActionKind::register_access, 2 * word, 0});
  result.push_back({"pass sum", "PE links", ActionKind::register_access, 2 * word, 0});
  return result;
}

}  // namespace

Config::Config(const arch::Spec& spec)
    : rows(spec.integer("rows")),
      columns(spec.integer("columns")),
      filters(spec.integer("filters")),
      filter_words(spec.integer("filter_words")),
      neuron_words(spec.integer("neuron_words")),
      sum_words(spec.integer("sum_words")),
      gating(spec.flag("gating")),
      fill_cycles(spec.integer("fill_cycles")) {}

map::Grain Config::grain(const map::Loops& loops) const {
  constexpr std::int64_t kBlock = kRunLengths.block;
  if (loops.kind != map::WorkKind::conv)
    return {std::lcm(kBlock, pes() / kBusWords), kBlock, {1, 1, 1}};
  return {kBlock, kBlock, {1, columns, loops.out[2]}};
}

array::ArrayShape Config::shape(const map::Loops&) const {
  array::ArrayShape shape;
  shape.multipliers = pes();
  shape.step = {pes() / kBusWords, 1, {1, 1, kBusWords}};  // As the bus delivers neurons.
  shape.neuron_row = shape.sum_row = {1, 1, {1, 1, kBusWords}};
  return shape;
}

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "eyeriss");
  const bool scaled =
      read.choice("preset", "published",
                  "published (JSSC 2017) with 168 PEs, or scaled to 1024 PEs and buffers in "
                  "proportion, to compare at equal multipliers [assumed]; changes the defaults "
                  "of rows, columns and buffers",
                  {"published", "scaled"}) == "scaled";
  arch::Spec spec;
  spec.machine = "eyeriss";
  spec.description = "Eyeriss (JSSC 2017), row stationary: dense, zeros gated, run-length codes";
  const std::int64_t rows = read.integer("rows", scaled ? 32 : 12, "rows of PEs [paper]", 1, 256);
  const std::int64_t columns =
      read.integer("columns", scaled ? 32 : 14, "columns of PEs [paper]", kBusWords, 256);
  spec.lanes = static_cast<int>(rows * columns);
  spec.multipliers_per_lane = 1;
  spec.word_bits = 16;  // [recalled, high]
  spec.node_nm = 65;    // [paper]
  spec.clock_mhz = read.integer("clock_mhz", 200, "clock, MHz [recalled, high]", 1, 10000);
  const auto bytes = [scaled](std::int64_t published) {
    return scaled ? published * 1024 / kPublishedPes : published;
  };
  spec.buffers = {
      {"NBin", read.integer("NBin", bytes(51200),
                            "neurons in the global buffer, bytes: half of what its 108 KB "
                            "[paper] leave beside weights [assumed]",
                            1024, 1 << 28)},
      {"NBout",
       read.integer("NBout", bytes(51200),
                    "partial sums in the global buffer, bytes: likewise [assumed]", 1024, 1 << 28)},
      {"SB", read.integer("SB", bytes(83456),
                          "weights, bytes: 8 KB of the global buffer [recalled, med] and the "
                          "filter stores of all PEs",
                          1024, 1 << 28)}};
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset [assumed]");
  read.integer("filters", 16, "filters a PE works on in turn, at most [recalled, med]", 1, 256);
  read.integer("filter_words", 224, "a PE's filter store, words [recalled, high]", 16, 65536);
  read.integer("neuron_words", 12, "a PE's neuron store, words [recalled, high]", 1, 65536);
  read.integer("sum_words", 24, "a PE's partial sum store, words [recalled, high]", 1, 65536);
  read.flag("gating", true,
            "a zero neuron stops multiplier, filter and sum store for a cycle: saves energy, not "
            "time [recalled, high]");
  read.integer("fill_cycles", 8,
               "cycles until the first result of a layer: bus 2, multiply-add 3, column of sums 3 "
               "[assumed]",
               0, 1000);
  spec.params = read.finish();
  spec.actions = actions(spec, Config(spec));
  return spec;
}

}  // namespace syncopate::accel::eyeriss
