#include "accel/cambricon_x/config.h"
#include "accel/cambricon_x/engine.h"
#include "accel/cambricon_x/format.h"
#include "accel/cambricon_x/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cambricon_x {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<StepFormat>(std::move(weights), config);
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
const sim::Accelerator accelerator{"cambricon_x", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::cambricon_x
