#include <algorithm>
#include <array>
#include <numeric>

#include "accel/flexflow/config.h"
#include "accel/flexflow/engine.h"
#include "accel/flexflow/format.h"
#include "accel/flexflow/isa.h"
#include "accel/flexflow/plan.h"
#include "array/neurons.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::flexflow {
namespace {

/// Groups of Tn inputs that a tile has at least. Outputs wait for each other less often when each
/// has more pairs, so tiles should have whole passes, but no more than half of the kernel buffer
/// holds for Tm outputs, and half of a tile's neurons for some windows side by side [assumed].
std::int64_t tile_groups(const map::Loops& loops, const LayerSetup& setup, const arch::Spec& spec) {
  constexpr std::int64_t kWindows = 4;  ///< In each direction.
  const Factors& f = setup.factors;
  const std::int64_t synapses = f.out.maps * f.in.maps * loops.kernel_size();
  std::int64_t neurons = f.in.maps * loops.kernel[0];
  for (std::size_t d = 1; d < 3; ++d) {
    neurons *= std::min(loops.in[d], (kWindows - 1) * loops.stride[d] +
                                         (loops.kernel[d] - 1) * loops.dilation[d] + 1);
  }
  const std::int64_t fit = std::min(spec.buffer_bytes("SB") / 2 / array::kNeuronBytes / synapses,
                                    spec.buffer_bytes("NBin") / 4 / array::kNeuronBytes / neurons);
  return std::clamp<std::int64_t>(fit, 1, setup.pass_groups);
}

/// Whether the smallest tile of every convolution fits when it has whole blocks of `block`
/// channels: dense weights, the inputs of one step.
bool fits(const gconv::Chain& chain, const arch::Spec& spec,
          const std::vector<LayerProgram>& programs, std::int64_t block) {
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const map::Loops l = map::loops_of(chain, chain.gconvs[i]);
    if (l.kind != map::WorkKind::conv) continue;
    const Factors& f = programs[i].setup.factors;
    const std::int64_t outs = std::min(l.outs, std::lcm(f.out.maps, block));
    const std::int64_t ins =
        std::min(l.ins, std::lcm(f.in.maps * tile_groups(l, programs[i].setup, spec), block));
    std::int64_t area = l.kernel[0];
    const std::array<std::int64_t, 3> step = {1, f.out.rows, f.out.cols};
    for (std::size_t d = 1; d < 3; ++d) {
      area *=
          std::min(l.in[d], (step[d] - 1) * l.stride[d] + (l.kernel[d] - 1) * l.dilation[d] + 1);
    }
    if (outs * ins * l.kernel_size() * array::kNeuronBytes > spec.buffer_bytes("SB") / 2) {
      return false;
    }
    if (ins * area * array::kNeuronBytes > spec.buffer_bytes("NBin") / 2) return false;
  }
  return true;
}

/// Maps lie in DRAM in blocks of channels, and tiles have whole blocks. Factors that do not divide
/// 16 would need large tiles; then blocks are as much smaller as it takes for tiles to fit.
/// Compressed, a neuron is a bit, and its value where that is not zero.
array::NeuronFormat neuron_format(const Config& config, const gconv::Chain& chain,
                                  const arch::Spec& spec,
                                  const std::vector<LayerProgram>& programs) {
  array::NeuronFormat format;
  std::int64_t block = format.block;
  while (block > 1 && !fits(chain, spec, programs, block)) block /= 2;
  if (fits(chain, spec, programs, block)) format.block = block;
  if (config.compress) {
    format.bits = 1;
    format.nonzero_bits = 8 * array::kNeuronBytes;
  }
  return format;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  const Config config(spec);
  const std::vector<LayerProgram> programs = plan(chain, config);
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.neurons = neuron_format(config, chain, spec, programs);
  traits.layer_format = [&](std::size_t layer, std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<SynapseFormat>(std::move(weights), programs[layer], config.compress);
  };
  traits.configure = [&](std::size_t layer, const map::Loops& loops,
                         std::vector<sim::Instruction>& code) {
    if (loops.kind != map::WorkKind::window || loops.weights) return;
    encode_pooling(loops, chain.gconvs[layer].reduce == gconv::Reduce::max, code);
  };
  traits.grain = [&](std::size_t layer, const map::Loops& loops) {
    map::Grain grain;
    grain.outs = std::lcm(config.array, traits.neurons.block);
    if (loops.kind != map::WorkKind::conv) {
      if (depthwise(loops)) grain.pixels = depthwise_shape(loops, config.array).step.pixels;
      return grain;
    }
    const Factors& f = programs[layer].setup.factors;
    grain.outs = std::lcm(f.out.maps, traits.neurons.block);
    grain.ins =
        std::lcm(f.in.maps * tile_groups(loops, programs[layer].setup, spec), traits.neurons.block);
    grain.pixels = {1, f.out.rows, f.out.cols};
    return grain;
  };
  return array::compile_array(chain, spec, traits);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.shape = [d = config.array](const map::Loops& loops) {
    return depthwise(loops) ? depthwise_shape(loops, d) : array::ArrayShape::lanes(d, d * d);
  };
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"flexflow", spec, compile, machine, disassemble, isa};

}  // namespace syncopate::accel::flexflow
