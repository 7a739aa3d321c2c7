#include <fmt/core.h>

#include "prune/prune.h"
#include "reproduce/flexflow_pro/study.h"
#include "reproduce/synthetic_network.h"
#include "zoo/networks.h"
#include "zoo/synthetic.h"

namespace syncopate::reproduce::flexflow_pro {
namespace {

constexpr const char* kMachine = "flexflow";
constexpr Scope kScopes[] = {Scope::all, Scope::conv};

/// Weights left in GoogLeNet [assumed]: no published table of its layers is known.
constexpr double kGoogLeNetDensity = 0.35;

Variant pro(const std::string& memory, const std::vector<std::string>& overrides = {}) {
  Variant variant{kMachine, memory, {"preset=pro"}};
  variant.overrides.insert(variant.overrides.end(), overrides.begin(), overrides.end());
  return variant;
}

/// Variants and where their costs go, in one order.
class Plan {
 public:
  void add(const Variant& variant, std::vector<Costs>& to) {
    variants_.push_back(variant);
    places_.push_back(&to);
  }
  void run(const ir::Graph& graph, const std::vector<Tensor>& inputs, const Watch& watch) const {
    const Simulation simulation = simulate(graph, inputs, variants_, watch);
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      Costs costs;
      for (const Scope scope : kScopes) costs.push_back(cost_of(simulation, i, scope));
      places_[i]->push_back(std::move(costs));
    }
  }

 private:
  std::vector<Variant> variants_;
  std::vector<std::vector<Costs>*> places_;
};

}  // namespace

const std::vector<Rival>& rivals() {
  static const std::vector<Rival> all{{"DianNao", "diannao", {"clock_mhz=1000"}, "nothing", true},
                                      {"2D-mapping", "shidiannao", {}, "nothing", false},
                                      {"Systolic", "systolic_dc", {}, "nothing", false},
                                      {"FlexFlow", kMachine, {}, "nothing", true},
                                      {"Cnvlutin", "cnvlutin", {}, "zero neurons", true},
                                      {"Cambricon-X", "cambricon_x", {}, "zero synapses", true},
                                      {"SCNN", "scnn", {}, "both", true},
                                      {"ZENA", "zena", {}, "both", false},
                                      {"SparTen", "sparten", {}, "both", false}};
  return all;
}

const std::vector<Setting>& skip_modes() {
  static const std::vector<Setting> all{{"none", {"skip=none"}},
                                        {"synapse", {"skip=synapse"}},
                                        {"neuron", {"skip=neuron"}},
                                        {"both", {"skip=both"}}};
  return all;
}

const std::vector<Setting>& slacks() {
  static const std::vector<Setting> all{{"1", {"slack=1"}},   {"2", {"slack=2"}},
                                        {"4", {"slack=4"}},   {"8", {"slack=8"}},
                                        {"16", {"slack=16"}}, {"unbounded", {"slack=0"}}};
  return all;
}

const std::vector<Setting>& sizes() {
  static const std::vector<Setting> all{
      {"8", {"D=8"}}, {"16", {"D=16"}}, {"32", {"D=32"}}, {"64", {"D=64"}}};
  return all;
}

const std::vector<Setting>& balances() {
  static const std::vector<Setting> all{{"as they come", {"column_balance=none"}},
                                        {"balanced", {"column_balance=greedy"}}};
  return all;
}

Case run_case(const std::string& name, const ir::Graph& graph, const std::vector<Tensor>& inputs,
              const Watch& watch) {
  Case one;
  one.network = name;
  one.synthetic = graph.synthetic;
  one.rivals.resize(kMemories.size());
  Plan plan;
  for (std::size_t m = 0; m < kMemories.size(); ++m) {
    plan.add(pro(kMemories[m]), one.pro);
    for (const Rival& rival : rivals()) {
      plan.add({rival.machine, kMemories[m], rival.overrides}, one.rivals[m]);
    }
  }
  for (const Setting& s : skip_modes()) plan.add(pro(kMemories[0], s.overrides), one.skips);
  for (const Setting& s : slacks()) plan.add(pro(kMemories[0], s.overrides), one.slacks);
  for (const Setting& s : sizes()) plan.add(pro(kMemories[0], s.overrides), one.sizes);
  for (const Setting& s : balances()) plan.add(pro(kMemories[0], s.overrides), one.balances);
  plan.run(graph, inputs, watch);
  return one;
}

std::vector<Case> synthetic_cases(const Watch& watch) {
  std::vector<Case> cases;
  for (const char* network : {"alexnet", "vgg16"}) {
    if (watch) watch(fmt::format("{}: making up weights", network));
    SyntheticOptions options;
    options.network = network;
    options.table = "han2015";
    const SyntheticNetwork made = make_synthetic(options);
    cases.push_back(run_case(network, made.graph, {made.input}, watch));
  }
  ir::Graph googlenet = zoo::googlenet();
  prune::Options prune;
  prune.method = prune::Method::magnitude;
  prune.density = kGoogLeNetDensity;
  prune::prune(googlenet, prune);
  const Tensor picture = zoo::smooth_picture(googlenet.value(googlenet.inputs.at(0)).shape, 1);
  cases.push_back(run_case("googlenet", googlenet, {picture}, watch));
  return cases;
}

}  // namespace syncopate::reproduce::flexflow_pro
