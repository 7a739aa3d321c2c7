#include "accel/scnn/config.h"
#include "accel/scnn/engine.h"
#include "accel/scnn/format.h"
#include "accel/scnn/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::scnn {
namespace {

/// Values that are not zero, with a count of the zeros before each. The counts begin anew in every
/// block of 16 channels, so that 4 bits do; the number of values of a block is taken as known
/// [assumed].
array::NeuronFormat neuron_format() {
  array::NeuronFormat format;
  format.bits = 0;
  format.nonzero_bits = 8 * array::kNeuronBytes + 4;
  return format;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<ZeroCountFormat>(std::move(weights), config);
  };
  traits.neurons = neuron_format();
  traits.grain = [&config](std::size_t, const map::Loops& loops) {
    map::Grain grain{kOutputGrain};
    if (loops.kind == map::WorkKind::conv) grain.pixels = {1, config.pe_rows, config.pe_columns};
    return grain;
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
const sim::Accelerator accelerator{"scnn", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::scnn
