#include <fmt/core.h>

#include "prune/prune.h"
#include "reproduce/sense/study.h"
#include "zoo/builder.h"
#include "zoo/synthetic.h"

namespace syncopate::reproduce::sense {
namespace {

constexpr const char* kMachine = "sense";
/// KiB of input maps, of weights and of sums, around the default of 256 [assumed]; with the last,
/// every operand moves once.
constexpr int kBufferSizes[] = {128, 256, 512, 1024, 65536};

Costs costs_of(const Simulation& simulation, std::size_t machine) {
  return {cost_of(simulation, machine, Scope::conv), cost_of(simulation, machine, Scope::weighted),
          cost_of(simulation, machine, Scope::all), cost_of(simulation, machine, Scope::inner)};
}

/// Mean densities of convolutions, weighted by pairs.
Densities densities_of(const Simulation& simulation, std::string structure) {
  double pairs = 0, weights = 0, inputs = 0;
  for (const report::NetworkLayer& layer : simulation.layers) {
    if (!layer.kind.starts_with("conv")) continue;
    const auto share = static_cast<double>(layer.pairs);
    pairs += share;
    weights += share * layer.weight_density;
    inputs += share * layer.input_density;
  }
  return {std::move(structure), weights / pairs, inputs / pairs};
}

/// Machines to run on one network, and where their costs go.
class Plan {
 public:
  void add(const std::string& machine, std::vector<std::string> overrides, Found& to) {
    variants_.push_back({machine, kMemory, std::move(overrides)});
    places_.push_back(&to);
  }
  void add_sense(std::size_t reading, const std::string& override, Found& to) {
    std::vector<std::string> overrides{fmt::format("pe_mode={}", kReadings[reading])};
    if (!override.empty()) overrides.push_back(override);
    add(kMachine, std::move(overrides), to);
  }
  Densities run(const Pruned& pruned, const std::string& structure, const Watch& watch,
                flow::Rearrangement order = flow::Rearrangement::none) const {
    const Preparation preparation{order, pruned.others};
    const Simulation simulation =
        simulate(pruned.graph, pruned.inputs, variants_, watch, preparation);
    for (std::size_t i = 0; i < places_.size(); ++i) *places_[i] = costs_of(simulation, i);
    return densities_of(simulation, structure);
  }

 private:
  std::vector<Variant> variants_;
  std::vector<Found*> places_;
};

/// Convolutions with kernels of one weight.
bool has_pointwise(const ir::Graph& graph) {
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    if (layer.weights.kernel() == 1 && !layer.weights.fully_connected) return true;
  }
  return false;
}

/// Fixed and chosen dataflows with buffers of other sizes.
void add_buffers(Case& one, Plan& plan) {
  for (const int kilobytes : kBufferSizes) one.buffers.push_back({kilobytes, {}, {}, {}, {}});
  for (Buffers& to : one.buffers) {
    const std::vector<std::string> sizes{
        fmt::format("ifm_kb={}", to.kilobytes), fmt::format("weight_kb={}", to.kilobytes),
        fmt::format("ofm_kb={}", to.kilobytes), fmt::format("index_kb={}", to.kilobytes / 8)};
    const std::pair<const char*, Found*> ways[] = {{"dataflow=adc", &to.adaptive},
                                                   {"dataflow=ifm_first", &to.ifm_first},
                                                   {"dataflow=weight_first", &to.weight_first},
                                                   {"preset=v1", &to.first}};
    for (const auto& [way, found] : ways) {
      std::vector<std::string> overrides = sizes;
      overrides.emplace_back(way);
      plan.add(kMachine, std::move(overrides), *found);
    }
  }
}

void run_magnitude(Case& one, const Workload& workload, const Watch& watch) {
  const std::optional<Pruned> fine = workload.make(Structure::fine, {});
  if (!fine) return;
  Plan plan, rearranged;
  for (std::size_t r = 0; r < kReadings.size(); ++r) {
    plan.add_sense(r, "", one.readings[r].ablation[kNone]);
    rearranged.add_sense(r, "", one.readings[r].ablation[kRearranged]);
  }
  plan.add("swallow", {}, one.swallow);
  plan.add("swallow", {"block_channels=8"}, one.swallow_small);
  plan.add("systolic", {}, one.systolic);
  plan.add("eyeriss", {}, one.eyeriss);
  one.run.push_back(plan.run(*fine, "by magnitude", watch));
  rearranged.run(*fine, "", watch, flow::Rearrangement::sorted);
}

void run_balanced(Case& one, const Workload& workload, const Watch& watch) {
  std::optional<Pruned> balanced = workload.make(workload.balanced, {});
  if (!balanced) return;
  Plan plan, rearranged, grouped;
  for (std::size_t r = 0; r < kReadings.size(); ++r) {
    Reading& to = one.readings[r];
    plan.add_sense(r, "", to.ablation[kBalanced]);
    plan.add_sense(r, "clustering=runtime", to.runtime);
    rearranged.add_sense(r, "", to.ablation[kBoth]);
    rearranged.add_sense(r, "dataflow=ifm_first", to.ifm_first);
    rearranged.add_sense(r, "dataflow=weight_first", to.weight_first);
    rearranged.add_sense(r, "preset=v1", to.first);
    rearranged.add_sense(r, "spare_rows=idle", to.idle);
    grouped.add_sense(r, "", to.grouped);
  }
  if (workload.synthetic) add_buffers(one, rearranged);
  one.run.push_back(plan.run(*balanced, "balanced", watch));
  rearranged.run(*balanced, "", watch, flow::Rearrangement::sorted);
  grouped.run(*balanced, "", watch, flow::Rearrangement::grouped);
}

/// Kernels of one weight, balanced in what a PE holds of them; channels as they come.
void run_vectors(Case& one, const Workload& workload, const Watch& watch) {
  const std::optional<Pruned> made = workload.make(Structure::vectors, {});
  if (!made || !has_pointwise(made->graph)) return;
  Plan plan;
  for (std::size_t r = 0; r < kReadings.size(); ++r) plan.add_sense(r, "", one.readings[r].vectors);
  plan.run(*made, "", watch);
}

void run_rivals(Case& one, const Workload& workload, const Watch& watch) {
  if (const auto patterns = workload.make(Structure::patterns, {})) {
    Plan plan;
    plan.add("fesa", {}, one.fesa);
    one.run.push_back(plan.run(*patterns, "patterns", watch));
  }
  if (const auto fixed = workload.make(Structure::patterns, 4.0 / 9)) {
    Plan plan;
    plan.add("fesa", {}, one.fesa_fixed);
    one.run.push_back(plan.run(*fixed, "patterns, 4 of 9", watch));
  }
  if (const auto columns = workload.make(Structure::columns, {})) {
    Plan plan;
    plan.add("spots", {}, one.spots);
    plan.add("spots", {"skip=both"}, one.spots_both);
    one.run.push_back(plan.run(*columns, "columns of 128", watch));
  }
}

/// The notes' layer: an input whose channels have densities from Beta(2, 2).
Pruned one_layer(Structure structure, double density) {
  constexpr std::int64_t kChannels = 256, kSide = 16;
  zoo::Builder net("one layer", 1, {1, kChannels, kSide, kSide});
  Pruned made;
  made.graph = std::move(net).finish(net.conv("conv", net.input(), kChannels, {3, 1, 1}));
  prune_to(made.graph, structure, {density, {}});
  Random random(8);
  const auto densities = zoo::spread_densities(random, kChannels, 0.5, 4);
  Tensor input(DType::f32, {1, kChannels, kSide, kSide});
  std::size_t at = 0;
  for (float& value : input.mutable_data<float>()) {
    const double mine = densities[at++ / (kSide * kSide)];
    if (random.chance(mine)) value = static_cast<float>(0.5 + 0.5 * random.uniform());
  }
  made.inputs = {std::move(input)};
  return made;
}

/// As they come, and rearranged at run time: a network's input cannot be rearranged offline.
void run_one_layer(OneLayer& one, std::size_t first, const Pruned& made, const Watch& watch) {
  std::array<Found, 2> found;
  Plan plan;
  for (std::size_t i = 0; i < found.size(); ++i) {
    plan.add(
        kMachine,
        {i == 0 ? "clustering=none" : "clustering=runtime", "dataflow=weight_first", "ifm_kb=1024"},
        found[i]);
  }
  plan.run(made, "", watch);
  for (std::size_t i = 0; i < found.size(); ++i) {
    one.utilization[first + i] = found[i]->conv.utilization();
  }
}

}  // namespace

Case run_case(const Workload& workload, const Watch& watch) {
  Case one;
  one.network = workload.network;
  one.densities = workload.densities;
  one.synthetic = workload.synthetic;
  one.published = workload.published;
  one.first = workload.first;
  run_magnitude(one, workload, watch);
  run_balanced(one, workload, watch);
  if (!workload.synthetic || workload.balanced == Structure::balanced) {
    run_vectors(one, workload, watch);
  }
  if (workload.rivals) run_rivals(one, workload, watch);
  return one;
}

std::vector<OneLayer> one_layer_cases(const Watch& watch) {
  std::vector<OneLayer> cases;
  for (const bool whole : {true, false}) {
    OneLayer one;
    one.weights = whole ? "4 of 9" : "5 and 4 of 9 in turn";
    run_one_layer(one, kNone, one_layer(Structure::fine, 0.5), watch);
    const Structure structure = whole ? Structure::whole : Structure::balanced;
    run_one_layer(one, kBalanced, one_layer(structure, whole ? 4.0 / 9 : 0.5), watch);
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace syncopate::reproduce::sense
