#include "accel/cnvlutin/config.h"
#include "accel/cnvlutin/engine.h"
#include "accel/cnvlutin/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::cnvlutin {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = array::dense_format;
  traits.neurons = kNeurons;
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = spec.integer("fill_cycles");
  return std::make_unique<array::ArrayMachine>(
      spec, traits, std::make_unique<Engine>(spec.param("narrow_inputs") == "dense"));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"cnvlutin", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::cnvlutin
