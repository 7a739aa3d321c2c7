#include "accel/diannao/config.h"
#include "accel/diannao/engine.h"
#include "accel/diannao/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::diannao {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = array::dense_format;
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = spec.integer("fill_cycles");
  return std::make_unique<array::ArrayMachine>(
      spec, traits, std::make_unique<Engine>(spec.lanes, spec.multipliers_per_lane));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"diannao", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::diannao
