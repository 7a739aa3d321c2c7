#include "accel/swallow/config.h"
#include "accel/swallow/engine.h"
#include "accel/swallow/isa.h"
#include "array/bitmap_format.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::swallow {
namespace {

/// A bit per neuron and the values that are not zero.
array::NeuronFormat neuron_format() {
  array::NeuronFormat format;
  format.bits = 1;
  format.nonzero_bits = 8 * array::kNeuronBytes;
  return format;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<array::BitmapFormat>(std::move(weights), config.columns);
  };
  traits.neurons = neuron_format();
  traits.grain = [&config](std::size_t, const map::Loops& loops) { return config.grain(loops); };
  traits.configure = [&config](std::size_t, const map::Loops& loops,
                               std::vector<sim::Instruction>& code) {
    if (loops.kind != map::WorkKind::conv) return;
    code.push_back(isa().encode("barrier", {{"channels", config.block}}));
  };
  if (spec.param("reuse") == "neurons") traits.order = map::Order::neuron_reuse;
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = config.fill_cycles;
  traits.shape = [config](const map::Loops&) { return config.shape(); };
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"swallow", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::swallow
