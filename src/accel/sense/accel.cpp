#include <numeric>

#include "accel/sense/config.h"
#include "accel/sense/engine.h"
#include "accel/sense/geometry.h"
#include "accel/sense/isa.h"
#include "array/bitmap_format.h"
#include "array/program.h"
#include "sim/accelerator.h"

namespace syncopate::accel::sense {
namespace {

/// A bit per neuron and the values that are not zero.
array::NeuronFormat neuron_format(const Config& config) {
  array::NeuronFormat format;
  format.block = std::gcd(format.block, std::gcd(config.rows, config.columns));
  format.bits = 1;
  format.nonzero_bits = 8 * array::kNeuronBytes;
  return format;
}

sim::Program compile_in(const gconv::Chain& chain, const arch::Spec& spec, const Config& config,
                        std::vector<map::Order> orders) {
  array::CompilerTraits traits;
  traits.isa = &isa();
  traits.conv_format = [&config](std::shared_ptr<const sim::Weights> weights) {
    return std::make_unique<array::BitmapFormat>(std::move(weights), config.columns);
  };
  traits.neurons = neuron_format(config);
  traits.grain = [&config](std::size_t, const map::Loops& loops) {
    map::Grain grain{config.columns, config.rows, {1, 1, 1}};
    if (loops.kind == map::WorkKind::conv) grain.pixels = choose_pixels(config, loops);
    return grain;
  };
  traits.configure = [&config](std::size_t, const map::Loops& loops,
                               std::vector<sim::Instruction>& code) {
    if (loops.kind != map::WorkKind::conv) return;
    code.push_back(isa().encode("array", {{"side", choose_side(config, loops)}}));
  };
  traits.orders = std::move(orders);
  return array::compile_array(chain, spec, traits);
}

/// DRAM bytes of all convolutions, with input maps of the expected density.
double expected_bytes(const sim::Program& program, const Config& config) {
  double bytes = 0;
  for (std::size_t i = 0; i < program.layers.size(); ++i) {
    const array::DecodedLayer layer = array::decode_layer(isa(), program, i);
    if (layer.loops.kind != map::WorkKind::conv) continue;
    const std::vector<array::DirectoryEntry> entries = array::read_directory(
        *program.image, layer.directory, array::Segments(layer.loops, layer.tiling).size());
    const array::Segments segments(layer.loops, layer.tiling);
    std::vector<std::int64_t> sizes(entries.size());
    map::Footprint footprint;
    footprint.neuron_bytes = (1 + config.expected_density * 8 * array::kNeuronBytes) / 8;
    footprint.output_bytes = footprint.neuron_bytes;
    const auto entry = [&](std::int64_t group, std::int64_t out0, std::int64_t in0) {
      map::TileBox box;
      box.group = group;
      box.out0 = out0;
      box.in0 = in0;
      return entries[static_cast<std::size_t>(segments.number(box))];
    };
    footprint.synapse_bytes = [&](std::int64_t group, std::int64_t out0, std::int64_t,
                                  std::int64_t in0, std::int64_t) {
      return std::int64_t{entry(group, out0, in0).synapse_bytes};
    };
    footprint.index_bytes = [&](std::int64_t group, std::int64_t out0, std::int64_t,
                                std::int64_t in0, std::int64_t) {
      return std::int64_t{entry(group, out0, in0).index_bytes};
    };
    bytes += map::traffic(layer.loops, layer.tiling, footprint).total();
  }
  return bytes;
}

sim::Program compile(const gconv::Chain& chain, const arch::Spec& spec) {
  using map::Order;
  const Config config(spec);
  const auto in = [&](std::vector<Order> orders) {
    return compile_in(chain, spec, config, std::move(orders));
  };
  switch (config.dataflow) {
    case Dataflow::ifm_first:
      return in({Order::neuron_reuse});
    case Dataflow::weight_first:
      return in({Order::synapse_reuse});
    case Dataflow::adaptive:
      return in({Order::neuron_reuse, Order::synapse_reuse});
    case Dataflow::reuse:
      break;
  }
  sim::Program inputs = in({Order::neuron_reuse}), weights = in({Order::synapse_reuse});
  const bool stay = expected_bytes(inputs, config) <= expected_bytes(weights, config);
  return stay ? std::move(inputs) : std::move(weights);
}

std::unique_ptr<sim::Machine> machine(const arch::Spec& spec) {
  const Config config(spec);
  array::MachineTraits traits;
  traits.isa = &isa();
  traits.fill_cycles = config.pipelined ? config.fill() : 0;
  return std::make_unique<array::ArrayMachine>(spec, traits, std::make_unique<Engine>(config));
}

std::string disassemble(const sim::Program& program, bool tiles) {
  return array::disassemble(isa(), program, tiles);
}

std::vector<sim::ChannelPasses> passes(const sim::Program& program, std::size_t layer,
                                       const arch::Spec& spec) {
  const Config config(spec);
  std::vector<sim::ChannelPasses> result;
  if (config.sorted) return result;  // Whatever the order was.
  for (const sim::LayerCode& code : array::alternatives(isa(), program, layer)) {
    const array::DecodedLayer decoded = array::decode_layer(isa(), program, code);
    if (decoded.loops.kind != map::WorkKind::conv) return {};
    const Geometry geometry(config, decoded);
    if (geometry.fully_connected()) return {};
    // Of a pass of several tiles, which only a layer in a single pass has, this is one of them.
    result.push_back({config.rows, geometry.vector(), config.columns, geometry.side()});
  }
  return result;
}

}  // namespace

extern const sim::Accelerator accelerator;
const sim::Accelerator accelerator{"sense", spec, compile, machine, disassemble, isa, passes};

}  // namespace syncopate::accel::sense
