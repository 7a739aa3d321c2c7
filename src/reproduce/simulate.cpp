#include "reproduce/simulate.h"

#include <fmt/format.h>

#include <memory>

#include "flow/layers.h"
#include "flow/target.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "ref/calibrate.h"
#include "ref/fixed_net.h"

namespace syncopate::reproduce {
namespace {

void tell(const Watch& watch, const std::string& step) {
  if (watch) watch(step);
}

gconv::Chain integer_chain(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  const gconv::Chain floating = gconv::lower(graph);
  const ref::Calibration calibration = ref::calibrate(graph, floating, std::span(&inputs, 1));
  return gconv::optimize(gconv::quantize(floating, calibration.ranges, {}));
}

bool in_scope(const report::NetworkLayer& layer, Scope scope) {
  const bool fc = layer.kind.starts_with("fc");
  const bool conv = layer.kind.starts_with("conv");
  return scope == Scope::all || (scope == Scope::fc && fc) || (scope == Scope::conv && conv);
}

}  // namespace

Simulation simulate(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                    std::span<const Variant> variants, const Watch& watch) {
  tell(watch, fmt::format("{}: quantizing", graph.name));
  const gconv::Chain chain = integer_chain(graph, inputs);
  const ref::FixedNet net(chain);
  std::vector<std::unique_ptr<flow::Target>> targets;
  for (const Variant& variant : variants) {
    tell(watch, fmt::format("{}: compiling for {}", graph.name, variant.machine));
    flow::TargetOptions options;
    options.dram = variant.dram;
    targets.push_back(std::make_unique<flow::Target>(
        flow::MachineRequest{variant.machine, Params::from_words(variant.overrides)}, options,
        chain));
  }
  const std::vector<map::Loops> loops = flow::loops_of_all(chain);
  Simulation result;
  result.layers = flow::describe_layers(chain, loops);
  flow::DensityCounter densities(result.layers);
  net.run(inputs, [&](std::size_t index, const auto& read) {
    tell(watch, fmt::format("{}: {}", graph.name, chain.gconvs[index].name));
    sim::LayerData data(chain, chain.gconvs[index], loops[index]);
    data.set_activations(read);
    densities.add(index, data);
    for (const auto& target : targets) target->execute(data, index, 1);
  });
  densities.finish();
  for (const auto& target : targets) result.machines.push_back(target->finish());
  return result;
}

Cost cost_of(const Simulation& simulation, std::size_t machine, Scope scope) {
  const report::MachineResult& result = simulation.machines.at(machine);
  Cost cost;
  for (std::size_t i = 0; i < simulation.layers.size(); ++i) {
    if (!in_scope(simulation.layers[i], scope)) continue;
    const report::LayerResult& layer = result.layers[i];
    cost.seconds += static_cast<double>(layer.stats.cycles) /
                    (static_cast<double>(result.spec.clock_mhz) * 1e6);
    cost.dram_bits += 8 * static_cast<double>(layer.stats.dram_bytes());
    for (const cost::Part& part : layer.energy) {
      if (!part.dram) cost.chip_pj += part.picojoules;
    }
  }
  return cost;
}

}  // namespace syncopate::reproduce
