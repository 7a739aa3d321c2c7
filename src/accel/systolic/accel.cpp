#include <numeric>

#include "accel/systolic/config.h"
#include "accel/systolic/engine.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::systolic {
namespace {

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("systolic", array::base_formats());
  return set;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = array::dense_format;
  traits.neurons.block = std::gcd(traits.neurons.block, std::gcd(config.rows, config.columns));
  traits.grain = [&config](std::size_t, const map::Loops&) {
    return map::Grain{config.columns, config.rows};
  };
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = config.fill();
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"systolic", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::systolic
