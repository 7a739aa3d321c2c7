#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <variant>

#include "base/error.h"
#include "flow/inputs.h"
#include "flow/model.h"
#include "prune/prune.h"
#include "reproduce/cambricon_s/study.h"

namespace syncopate::reproduce::cambricon_s {
namespace {

namespace fs = std::filesystem;

struct RealNetwork {
  const char* file;     ///< Under the data folder.
  const char* picture;  ///< Likewise: a folder of pictures, of which the first is used.
  const char* preset;   ///< How pictures become inputs.
};

constexpr RealNetwork kNetworks[] = {
    {"models/imagenet/squeezenet_v1.0_deep_compression.onnx", "images/imagenet1000_256", "caffe"},
    {"models/layers/alexnet_conv_pruned_0.5376_l2.onnx", "images/imagenet1000_256", "caffe"},
    {"models/layers/alexnet_conv_pruned_0.5562_l1.onnx", "images/imagenet1000_256", "caffe"},
    {"models/layers/alexnet_conv_pruned_0.5626_l1.onnx", "images/imagenet1000_256", "caffe"}};

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
  for (const RealNetwork& network : kNetworks) {
    const fs::path file = fs::path(data) / network.file;
    const std::string name = "real: " + file.stem().string();
    if (!fs::exists(file)) {
      table.notes.push_back(fmt::format("{} is not in the data folder.", network.file));
      continue;
    }
    const ir::Graph graph = flow::load_model({.model = file.string(), .dims = {}});
    flow::InputOptions input;
    const fs::path pictures = fs::path(data) / network.picture;
    if (fs::exists(pictures)) input.paths = {pictures.string()};
    input.preset = network.preset;
    input.limit = 1;
    const std::vector<Tensor> loaded = flow::Inputs(graph, input).load(0);
    const Figures fine = figures(graph, loaded, watch);
    add_row(table, name, "as they are", fine.x, fine.s, fine.diannao);
    const Figures coarse = figures(in_blocks(graph), loaded, watch);
    add_row(table, name, "in blocks", fine.x, coarse.s, coarse.diannao);
  }
  table.notes.emplace_back(
      "X always runs the file's fine-grained weights. 'In blocks': pruned again, in one shot, to "
      "whole blocks at the density each layer has in the file; without training, so the network no "
      "longer classifies, and shows hardware costs only.");
  return table;
}

}  // namespace syncopate::reproduce::cambricon_s
