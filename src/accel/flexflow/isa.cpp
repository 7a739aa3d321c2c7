#include "accel/flexflow/isa.h"

#include "base/error.h"

namespace syncopate::accel::flexflow {
namespace {

/// Modes of the published format.
constexpr std::int64_t kLoadAndMultiply = 2;  ///< Buffers to local stores, then multiply.
constexpr std::int64_t kPoolMode = 3;         ///< The row ALUs alone; not in the source.
/// Pool field.
constexpr std::int64_t kNoPool = 0, kAverage = 1, kMax = 2;

}  // namespace

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set = [] {
    std::vector<arch::Format> formats = array::base_formats();
    formats.push_back({array::kFirstOwnOpcode,
                       "flexflow",
                       {{"mode", 3},
                        {"Tm", 7},
                        {"Tn", 7},
                        {"Tr", 7},
                        {"Tc", 7},
                        {"Ti", 7},
                        {"Tj", 7},
                        {"pool", 2},
                        {"L", 32}}});
    formats.push_back({array::kFirstOwnOpcode + 1,
                       "stores",
                       {{"groups", 32}, {"segment", 32}, {"packed", 1}, {"balanced", 1}}});
    formats.push_back(
        {array::kFirstOwnOpcode + 2,
         "skip",
         {{"synapses", 1}, {"neurons", 1}, {"slack", 16}, {"n_min", 1}, {"slices", 3}}});
    return arch::InstructionSet("flexflow", formats);
  }();
  return set;
}

void encode(const LayerProgram& layer, const map::Loops& loops,
            std::vector<sim::Instruction>& code) {
  const Factors& f = layer.setup.factors;
  code.push_back(isa().encode("flexflow", {{"mode", kLoadAndMultiply},
                                           {"Tm", f.out.maps},
                                           {"Tn", f.in.maps},
                                           {"Tr", f.out.rows},
                                           {"Tc", f.out.cols},
                                           {"Ti", f.in.rows},
                                           {"Tj", f.in.cols},
                                           {"pool", kNoPool},
                                           {"L", loops.in[2]}}));
  code.push_back(isa().encode("stores", {{"groups", layer.setup.pass_groups},
                                         {"segment", layer.setup.segment_steps},
                                         {"packed", layer.setup.packed},
                                         {"balanced", layer.balanced}}));
  code.push_back(
      isa().encode("skip", {{"synapses", layer.skip == Skip::synapse || layer.skip == Skip::both},
                            {"neurons", layer.skip == Skip::neuron || layer.skip == Skip::both},
                            {"slack", layer.slack},
                            {"n_min", layer.n_min},
                            {"slices", layer.slices}}));
}

void encode_pooling(const map::Loops& loops, bool max, std::vector<sim::Instruction>& code) {
  code.push_back(isa().encode(
      "flexflow", {{"mode", kPoolMode}, {"pool", max ? kMax : kAverage}, {"L", loops.in[2]}}));
}

LayerProgram decode(const array::DecodedLayer& layer, std::int64_t array) {
  const auto field = [&](std::string_view mnemonic, std::string_view name) {
    return layer.own_field(mnemonic, name);
  };
  LayerProgram result;
  Factors& f = result.setup.factors;
  f.out = {field("flexflow", "Tm"), field("flexflow", "Tr"), field("flexflow", "Tc")};
  f.in = {field("flexflow", "Tn"), field("flexflow", "Ti"), field("flexflow", "Tj")};
  result.setup.pass_groups = field("stores", "groups");
  result.setup.segment_steps = field("stores", "segment");
  result.setup.packed = field("stores", "packed") != 0;
  result.balanced = field("stores", "balanced") != 0;
  result.skip = static_cast<Skip>(field("skip", "synapses") + 2 * field("skip", "neurons"));
  result.slack = field("skip", "slack");
  result.n_min = field("skip", "n_min");
  result.slices = field("skip", "slices");
  const std::int64_t slices = result.slices;
  const auto one_to_array = [&](const Side& side) {
    return side.maps >= 1 && side.rows >= 1 && side.cols >= 1 && side.product() <= array;
  };
  if (!one_to_array(f.out) || !one_to_array(f.in) || result.setup.pass_groups < 1 ||
      result.setup.segment_steps < 1 || (slices != 1 && slices != 2 && slices != 4)) {
    fail("program: factors {} do not fit an array of {} x {}", to_text(f), array, array);
  }
  return result;
}

}  // namespace syncopate::accel::flexflow
