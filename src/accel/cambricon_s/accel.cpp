#include "accel/cambricon_s/config.h"
#include "accel/cambricon_s/engine.h"
#include "accel/cambricon_s/format.h"
#include "accel/cambricon_s/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cambricon_s {
namespace {

/// With the encoder a bit per neuron and the values that are not zero.
array::NeuronFormat neuron_format(const Config& config) {
  array::NeuronFormat format;
  if (config.encoder) {
    format.bits = 1;
    format.nonzero_bits = 8 * array::kNeuronBytes;
  }
  return format;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<BlockFormat>(std::move(weights), config);
  };
  traits.neurons = neuron_format(config);
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = config.fill_cycles;
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"cambricon_s", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::cambricon_s
