#include "accel/scnn/config.h"

namespace syncopate::accel::scnn {
namespace {

constexpr std::int64_t kLargest = 1 << 28;  ///< Bytes of a buffer.
constexpr std::int64_t kIndexBits = 4;      ///< Of a zero count [assumed].
constexpr std::int64_t kSumBytes = array::kSumBits / 8;
/// Bits that one product switches on its way to a bank: every bank chooses among 16 products
/// through five 4-way multiplexers of a partial sum's width [assumed].
constexpr std::int64_t kRouteBits = 5 * array::kSumBits;
constexpr std::int64_t kCoordinateBits = 16;  ///< [assumed]

/// The structure of a PE; returns its accumulators, in partial sums.
std::int64_t read_pe(ParamReader& read) {
  read.integer("banks", 32, "accumulator banks of a PE [public: DNNsim code]", 1, 32);
  read.integer("hash_row", 7, "an output's bank: (x + hash_row y + ...) mod banks [assumed]", 0,
               31);
  read.integer("hash_frame", 13, "likewise, for the third spatial dimension [assumed]", 0, 31);
  read.integer("hash_channel", 27, "likewise, for the output channel [assumed]", 0, 31);
  const std::int64_t size =
      read.integer("acc_size", 6144, "accumulator capacity of a PE [public: DNNsim code]", 64,
                   std::int64_t{1} << 20);
  const std::string unit =
      read.choice("acc_unit", "entries", "what acc_size counts: partial sums or bytes [assumed]",
                  {"entries", "bytes"});
  read.choice("weight_order", "outputs_inside",
              "order of a channel's weights: kernel positions outside and outputs inside, or the "
              "reverse [assumed]",
              {"outputs_inside", "kernel_inside"});
  read.flag("halo", true,
            "partial sums that belong to other PEs are exchanged, one a cycle, after each group of "
            "output channels [public: DNNsim code]");
  read.integer("fill_cycles", 6,
               "cycles until the first result of a layer: fetch 1, multiply 1, coordinates and "
               "crossbar 2, accumulate 2 [assumed]",
               0, 1000);
  return unit == "bytes" ? size / kSumBytes : size;
}

std::vector<arch::Action> own_actions(const arch::Spec& spec, std::int64_t fifo_vector,
                                      std::int64_t accumulators) {
  using arch::ActionKind;
  const std::int64_t bank_bytes = accumulators * kSumBytes / spec.integer("banks");
  return {{"weight FIFO read", "weight FIFO", ActionKind::register_access,
           fifo_vector * (spec.word_bits + kIndexBits), 0},
          {"coordinate", "index", ActionKind::add, kCoordinateBits, 0},
          {"route product", "crossbar", ActionKind::logic, kRouteBits, 0},
          {"bank read", "accumulators", ActionKind::sram_read, array::kSumBits, bank_bytes},
          {"bank write", "accumulators", ActionKind::sram_write, array::kSumBits, bank_bytes}};
}

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "scnn");
  arch::Spec spec;
  spec.machine = "scnn";
  spec.description = "SCNN (ISCA 2017): Cartesian products of non-zeros, scattered to banks";
  const std::int64_t rows = read.integer(
      "pe_rows", 4, "rows of PEs; published 8 [public: DNNsim code], 4 for 256 multipliers", 1, 8);
  const std::int64_t columns =
      read.integer("pe_columns", 4,
                   "PEs of a row; published 8 [public: DNNsim code], 4 for 256 multipliers", 1, 8);
  const std::int64_t neurons =
      read.integer("I", 4, "activations of a vector [public: DNNsim code]", 1, 4);
  const std::int64_t weights = read.integer(
      "F", 4, "weights of a vector; a PE has I x F multipliers [public: DNNsim code]", 1, 4);
  spec.lanes = static_cast<int>(rows * columns);
  spec.multipliers_per_lane = static_cast<int>(neurons * weights);
  spec.word_bits = 16;  // [recalled, high]
  spec.node_nm = 65;    // Published 16 [recalled, high]; the others' [assumed].
  spec.clock_mhz = read.integer("clock_mhz", 1000, "clock, MHz [assumed]", 1, 10000);
  const std::int64_t iaram = read.integer(
      "IARAM", 10240, "input activations of a PE, bytes [recalled, high]", 128, 1 << 22);
  const std::int64_t sb = read.integer(
      "SB", 32768, "weights on their way to the FIFOs, bytes; published: none [assumed]", 1024,
      kLargest);
  const std::int64_t fifo =
      read.integer("weight_fifo", 50, "vectors of a PE's weight FIFO [recalled, high]", 1, 4096);
  spec.dram = read.text("dram", "ideal-25.6", "DRAM preset [assumed]");
  const std::int64_t accumulators = read_pe(read);
  spec.params = read.finish();
  // Two sets of accumulators: one drains while the other fills [recalled, med].
  spec.buffers = {{"NBin", spec.lanes * iaram},
                  {"NBout", 2 * spec.lanes * accumulators * kSumBytes},
                  {"SB", sb},
                  {"weight FIFO", spec.lanes * fifo * weights * spec.word_bits / 8}};
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.neuron_bytes = iaram;
  shape.synapse_bytes = sb;
  shape.sum_bytes = accumulators * kSumBytes;
  shape.index_bytes = sb * kIndexBits / spec.word_bits;
  shape.index_row_bits = 16;
  shape.encoder = true;
  shape.neuron_row = neurons;
  shape.synapse_row = weights;
  spec.actions = array::array_actions(shape);
  for (arch::Action& action : own_actions(spec, weights, accumulators)) {
    spec.actions.push_back(std::move(action));
  }
  return spec;
}

Config::Config(const arch::Spec& spec)
    : pe_rows(spec.integer("pe_rows")),
      pe_columns(spec.integer("pe_columns")),
      neurons(spec.integer("I")),
      weights(spec.integer("F")),
      hash{spec.integer("banks"), spec.integer("hash_row"), spec.integer("hash_frame"),
           spec.integer("hash_channel")},
      accumulators(spec.param("acc_unit") == "bytes" ? spec.integer("acc_size") / kSumBytes
                                                     : spec.integer("acc_size")),
      outputs_inside(spec.param("weight_order") == "outputs_inside"),
      halo(spec.flag("halo")),
      fill_cycles(spec.integer("fill_cycles")) {}

}  // namespace syncopate::accel::scnn
