#include <fmt/core.h>

#include <algorithm>

#include "reproduce/cambricon_s/study.h"

namespace syncopate::reproduce::cambricon_s {
namespace {

constexpr Scope kScopes[] = {Scope::all, Scope::conv, Scope::fc};

Variant variant_of(const Step& step, const std::string& memory, const std::string& compaction) {
  Variant variant{step.machine, memory, step.overrides};
  variant.overrides.push_back("compaction=" + compaction);
  return variant;
}

std::vector<Cost> costs(const Simulation& simulation, std::size_t machine) {
  std::vector<Cost> all;
  for (const Scope scope : kScopes) all.push_back(cost_of(simulation, machine, scope));
  return all;
}

/// Runs all steps with one structure of weights and files their costs.
void run_structure(Case& one, Structure structure, const SyntheticNetwork& network,
                   const Watch& watch) {
  std::vector<Variant> variants;
  const std::vector<Step>& steps = ladder();
  for (const Step& step : steps) {
    if (step.weights != structure) continue;
    for (const std::string& memory : kMemories) {
      for (const std::string& compaction : kCompactions) {
        variants.push_back(variant_of(step, memory, compaction));
      }
    }
  }
  if (structure == Structure::coarse) {
    for (const std::string& memory : kMemories) variants.push_back({"diannao", memory, {}});
  }
  const Simulation simulation = simulate(network.graph, {network.input}, variants, watch);
  std::size_t machine = 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    if (steps[s].weights != structure) continue;
    one.steps[s].resize(kMemories.size());
    for (auto& memory : one.steps[s]) {
      for (std::size_t c = 0; c < kCompactions.size(); ++c) {
        memory.push_back(costs(simulation, machine++));
      }
    }
  }
  for (; machine < variants.size(); ++machine) one.diannao.push_back(costs(simulation, machine));
}

Case run_case(const std::string& network, const std::string& table, const Watch& watch) {
  Case one;
  one.network = network;
  one.table = table;
  one.wanted = zoo::densities(table, network);
  one.steps.resize(ladder().size());
  for (const Structure structure : {Structure::fine, Structure::coarse}) {
    if (watch) watch(fmt::format("{}: making up weights", network));
    SyntheticOptions options;
    options.network = network;
    options.table = table;
    options.structure = structure;
    const SyntheticNetwork made = make_synthetic(options);
    (structure == Structure::fine ? one.fine_reached : one.coarse_reached) = made.reached;
    run_structure(one, structure, made, watch);
  }
  return one;
}

}  // namespace

const std::vector<Step>& ladder() {
  static const std::vector<std::string> bare{"skip_neurons=false", "codebook=off", "encoder=none"};
  static const std::vector<Step> steps{
      {"Cambricon-X, fine-grained weights", Structure::fine, "cambricon_x", {}},
      {"Cambricon-X, coarse blocks", Structure::coarse, "cambricon_x", {}},
      {"Cambricon-S, shared index alone", Structure::coarse, "cambricon_s", bare},
      {"+ codebooks",
       Structure::coarse,
       "cambricon_s",
       {"skip_neurons=false", "codebook=auto", "encoder=none"}},
      {"+ neurons compressed in DRAM",
       Structure::coarse,
       "cambricon_s",
       {"skip_neurons=false", "codebook=auto", "encoder=bitmap"}},
      {"+ zero neurons skipped = Cambricon-S", Structure::coarse, "cambricon_s", {}},
      {"Cambricon-S without codebooks and compression",
       Structure::coarse,
       "cambricon_s",
       {"codebook=off", "encoder=none"}},
      {"Cambricon-S, fine-grained weights", Structure::fine, "cambricon_s", {}}};
  return steps;
}

std::vector<Case> synthetic_cases(const Watch& watch) {
  std::vector<Case> cases;
  for (const char* table : {"cambricon_s", "han2015"}) {
    for (const char* network : {"alexnet", "vgg16"}) {
      cases.push_back(run_case(network, table, watch));
    }
  }
  return cases;
}

}  // namespace syncopate::reproduce::cambricon_s
