#include "accel/eyeriss/config.h"
#include "accel/eyeriss/engine.h"
#include "accel/eyeriss/isa.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::eyeriss {
namespace {

/// The machine as the common compiler sees it, which takes sums for 32 bits and leaves half of
/// their buffer to the DMA. Here they have 16 and stay where they are until they are written
/// [assumed].
arch::Spec for_tiling(arch::Spec spec) {
  for (arch::Buffer& buffer : spec.buffers) {
    if (buffer.name == "NBout") buffer.bytes *= 4;
  }
  return spec;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = array::dense_format;
  traits.neurons = kRunLengths;
  traits.grain = [&config](std::size_t, const map::Loops& loops) { return config.grain(loops); };
  return array::compile_array(chain, for_tiling(spec), traits);
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
const sim::Accelerator accelerator{"eyeriss", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::eyeriss
