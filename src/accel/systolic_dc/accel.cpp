#include "accel/systolic_dc/config.h"
#include "accel/systolic_dc/engine.h"
#include "accel/systolic_dc/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::systolic_dc {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = array::dense_format;
  traits.neurons = kNeurons;
  traits.grain = [&config](std::size_t, const map::Loops& loops) { return config.grain(loops); };
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = config.fill_cycles;
  traits.shape = [config](const map::Loops& loops) { return config.shape(loops); };
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"systolic_dc", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::systolic_dc
