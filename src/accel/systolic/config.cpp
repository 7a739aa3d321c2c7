#include "accel/systolic/config.h"

namespace syncopate::accel::systolic {
namespace {

constexpr std::int64_t kKilobyte = 1024;

}  // namespace

arch::Spec spec(const Params& overrides) {
  ParamReader read(overrides, "systolic");
  arch::Spec spec;
  spec.machine = "systolic";
  spec.description = "systolic, TPU-like: dense, weights stay in a square array";
  spec.multipliers_per_lane = static_cast<int>(read.integer(
      "rows", 32, "rows, an input position each; TPU v1: 256 [recalled, high]", 1, 256));
  spec.lanes = static_cast<int>(read.integer(
      "columns", 32, "columns, an output channel each; TPU v1: 256 [recalled, high]", 1, 256));
  spec.word_bits = 16;  // TPU v1: 8 [recalled, high]; that of the machines it is compared with.
  spec.node_nm = 65;    // TPU v1: 28 [recalled, high]; likewise [assumed].
  spec.clock_mhz =
      read.integer("clock_mhz", 200,
                   "clock, MHz; TPU v1: 700 [recalled, high], 200 to compare [assumed]", 1, 10000);
  const auto buffer = [&](std::string_view name, std::string_view help) {
    return read.integer(name, 256, help, 1, 1 << 18) * kKilobyte;
  };
  const std::int64_t ifm = buffer("ifm_kb", "input maps, both halves, KiB [assumed]");
  const std::int64_t weight = buffer("weight_kb", "weights, both halves, KiB [assumed]");
  const std::int64_t ofm = buffer("ofm_kb", "partial sums, both halves, KiB [assumed]");
  spec.buffers = {{"NBin", ifm}, {"NBout", ofm}, {"SB", weight}};
  spec.dram = read.text("dram", "ideal-19.2", "DRAM preset; DDR4-2400's bandwidth [assumed]");
  read.flag("weight_loading", true,
            "weights enter a row a cycle beside the pass before, which lasts at least that long; "
            "else they are never waited for [assumed]");
  spec.params = read.finish();
  array::ActionShape shape;
  shape.lanes = spec.lanes;
  shape.multipliers_per_lane = spec.multipliers_per_lane;
  shape.neuron_bytes = ifm;
  shape.sum_bytes = ofm;
  shape.synapse_bytes = weight / spec.lanes;
  spec.actions = array::array_actions(shape);
  using arch::ActionKind;
  spec.actions.push_back(
      {"neuron hop", "links", ActionKind::register_access, 2 * spec.word_bits, 0});
  spec.actions.push_back({"sum hop", "links", ActionKind::register_access, 2 * array::kSumBits, 0});
  using arch::BlockKind;
  const std::int64_t pes = spec.multipliers();
  spec.blocks = {{"PE", BlockKind::multiplier, spec.word_bits, pes},
                 {"PE", BlockKind::adder, array::kSumBits, pes},
                 // A neuron, the weight at work and the next one, a sum.
                 {"PE", BlockKind::registers, 3 * spec.word_bits + array::kSumBits, pes},
                 {"NBin", BlockKind::sram, ifm * 8, 1},
                 {"NBout", BlockKind::sram, ofm * 8, 1},
                 {"SB", BlockKind::sram, weight * 8, 1}};
  return spec;
}

Config::Config(const arch::Spec& spec)
    : rows(spec.multipliers_per_lane), columns(spec.lanes), loading(spec.flag("weight_loading")) {}

}  // namespace syncopate::accel::systolic
