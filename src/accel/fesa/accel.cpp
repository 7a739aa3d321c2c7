#include "accel/fesa/config.h"
#include "accel/fesa/engine.h"
#include "accel/fesa/format.h"
#include "accel/fesa/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::fesa {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<PatternFormat>(std::move(weights), config);
  };
  traits.grain = [&config](std::size_t, const map::Loops& loops) { return config.grain(loops); };
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
const sim::Accelerator accelerator{"fesa", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::fesa
