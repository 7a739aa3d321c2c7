#include <fmt/core.h>

#include <algorithm>
#include <variant>

#include "base/error.h"
#include "prune/prune.h"
#include "reproduce/cambricon_s/study.h"
#include "reproduce/real_networks.h"

namespace syncopate::reproduce::cambricon_s {
namespace {

/// Whole blocks kept to the density each layer has in the file.
ir::Graph in_blocks(ir::Graph graph) {
  prune::Options options;
  options.method = prune::Method::coarse;
  for (const ir::Node& node : graph.nodes) {
    const bool weighted =
        std::holds_alternative<ir::Conv>(node.op) || std::holds_alternative<ir::Gemm>(node.op);
    if (!weighted) continue;
    const auto mask = prune::mask_of(*graph.value(node.inputs[1]).constant);
    const auto kept = std::count(mask.begin(), mask.end(), 1);
    options.layer_density[node.name] =
        std::max(1e-6, static_cast<double>(kept) / static_cast<double>(mask.size()));
  }
  prune::prune(graph, options);
  return graph;
}

struct Figures {
  Cost x, s, diannao;
};

Figures figures(const ir::Graph& graph, const std::vector<Tensor>& inputs, const Watch& watch) {
  const std::vector<Variant> variants{{"cambricon_x", kMemories[0], {}},
                                      {"cambricon_s", kMemories[0], {}},
                                      {"diannao", kMemories[0], {}}};
  const Simulation simulation = simulate(graph, inputs, variants, watch);
  return {cost_of(simulation, 0, Scope::all), cost_of(simulation, 1, Scope::all),
          cost_of(simulation, 2, Scope::all)};
}

void add_row(ResultTable& table, const std::string& name, const std::string& weights, const Cost& x,
             const Cost& s, const Cost& diannao) {
  table.rows.push_back({words(name), words(weights), number(x.seconds * 1e3, 3),
                        number(s.seconds * 1e3, 3), number(x.seconds / s.seconds, 2, "x"),
                        number(x.chip_pj / s.chip_pj, 2, "x"),
                        number(x.total_pj(kDramEnergy) / s.total_pj(kDramEnergy), 2, "x"),
                        number(diannao.seconds / s.seconds, 2, "x")});
}

}  // namespace

ResultTable real_table(const std::string& data, const Watch& watch) {
  ResultTable table;
  table.title = "Real pruned networks, one picture, 25.6 GB/s, fifo compaction";
  table.columns = {"network",  "weights of S", "X ms",     "S ms",
                   "time S/X", "chip energy",  "+DRAM 20", "time over DianNao"};
  for (const RealNetwork& network : load_real(data, pruned_files(), table.notes)) {
    const Figures fine = figures(network.graph, network.inputs, watch);
    add_row(table, network.name, "as they are", fine.x, fine.s, fine.diannao);
    const Figures coarse = figures(in_blocks(network.graph), network.inputs, watch);
    add_row(table, network.name, "in blocks", fine.x, coarse.s, coarse.diannao);
  }
  table.notes.emplace_back(
      "X always runs the file's fine-grained weights. 'In blocks': pruned again, in one shot, to "
      "whole blocks at the density each layer has in the file; without training, so the network no "
      "longer classifies, and shows hardware costs only.");
  return table;
}

}  // namespace syncopate::reproduce::cambricon_s
