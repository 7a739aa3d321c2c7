#include "reproduce/simulate.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "accel/registry.h"
#include "flow/layers.h"
#include "flow/rearrange.h"
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

gconv::Chain integer_chain(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                           const Variant& first, const Preparation& preparation) {
  const gconv::Chain floating = gconv::lower(graph);
  const ref::Calibration calibration = ref::calibrate(graph, floating, std::span(&inputs, 1));
  gconv::Chain chain = gconv::optimize(gconv::quantize(floating, calibration.ranges, {}));
  std::span<const std::vector<Tensor>> measured = preparation.measured;
  if (measured.empty()) measured = std::span(&inputs, 1);
  return flow::reordered(std::move(chain), measured, preparation.order, accel::find(first.machine),
                         Params::from_words(first.overrides));
}

double multiplications(const arch::Spec& spec, const sim::Stats& stats) {
  double total = 0;
  for (std::size_t i = 0; i < spec.actions.size(); ++i) {
    if (spec.actions[i].component != "multipliers") continue;
    if (spec.actions[i].kind != arch::ActionKind::multiply) continue;
    total += static_cast<double>(stats.actions[i]);
  }
  return total;
}

bool in_scope(const report::NetworkLayer& layer, Scope scope) {
  const bool fc = layer.kind.starts_with("fc");
  const bool conv = layer.kind.starts_with("conv");
  switch (scope) {
    case Scope::all:
      return true;
    case Scope::conv:
    case Scope::inner:
      return conv;
    case Scope::fc:
      return fc;
    case Scope::weighted:
      return conv || fc;
  }
  return false;
}

/// Adds one layer of a machine.
void add(Cost& cost, const report::MachineResult& result, std::size_t index) {
  const report::LayerResult& layer = result.layers[index];
  const sim::Stats& stats = layer.stats;
  if (stats.actions.empty()) return;  // The machine has no work in this layer.
  const double hertz = static_cast<double>(result.spec.clock_mhz) * 1e6;
  const auto compute = static_cast<double>(layer.compute_cycles);
  cost.seconds += static_cast<double>(stats.cycles) / hertz;
  cost.compute_seconds += compute / hertz;
  cost.slots += compute * static_cast<double>(result.spec.multipliers());
  cost.macs += static_cast<double>(stats.pairs_required);
  cost.products += multiplications(result.spec, stats);
  cost.dram_bits += 8 * static_cast<double>(stats.dram_bytes());
  cost.weight_bits += 8 * static_cast<double>(stats.synapse_read_bytes + stats.index_read_bytes);
  cost.written_bits += 8 * static_cast<double>(stats.write_bytes);
  for (std::size_t c = 0; c < cost.causes.size(); ++c) {
    cost.causes[c] += static_cast<double>(stats.causes[c]);
  }
  for (const cost::Part& part : layer.energy) {
    if (!part.dram) cost.chip_pj += part.picojoules;
  }
}

}  // namespace

Simulation simulate(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                    std::span<const Variant> variants, const Watch& watch,
                    const Preparation& preparation) {
  tell(watch, fmt::format("{}: quantizing", graph.name));
  const gconv::Chain chain = integer_chain(graph, inputs, variants.front(), preparation);
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
  Cost cost;
  bool first = true;
  for (std::size_t i = 0; i < simulation.layers.size(); ++i) {
    if (!in_scope(simulation.layers[i], scope)) continue;
    if (scope != Scope::inner || !first) add(cost, simulation.machines.at(machine), i);
    first = false;
  }
  return cost;
}

}  // namespace syncopate::reproduce
