#include "accel/zena/config.h"
#include "accel/zena/engine.h"
#include "accel/zena/isa.h"
#include "array/bitmap_format.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::zena {
namespace {

/// A bit per neuron and the values that are not zero.
array::NeuronFormat neuron_format() {
  array::NeuronFormat format;
  format.bits = 1;
  format.nonzero_bits = 8 * array::kNeuronBytes;
  return format;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<array::BitmapFormat>(std::move(weights), kOutputGrain);
  };
  traits.neurons = neuron_format();
  traits.grain = [](std::size_t, const map::Loops& loops) {
    return map::Grain{kOutputGrain, loops.pixels() == 1 ? kFlatInputGrain : kInputGrain};
  };
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
const sim::Accelerator accelerator{"zena", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::zena
