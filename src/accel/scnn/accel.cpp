#include "accel/scnn/config.h"
#include "accel/scnn/engine.h"
#include "accel/scnn/format.h"
#include "accel/scnn/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::scnn {
namespace {

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<ZeroCountFormat>(std::move(weights), config);
  };
  traits.bitmap_neurons = true;
  traits.grain = [&config](std::size_t, const map::Loops& loops) {
    map::Grain grain{kOutputGrain};
    if (loops.kind == map::WorkKind::conv) grain.pixels = {1, config.pe_rows, config.pe_columns};
    return grain;
  };
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  const array::MachineTraits traits{&isa(), config.fill_cycles, true};
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"scnn", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::scnn
