#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "prune/prune.h"
#include "reproduce/sense/study.h"
#include "reproduce/synthetic_network.h"
#include "zoo/builder.h"

namespace syncopate::reproduce::sense {
namespace {

namespace fs = std::filesystem;

/// Of weights where the notes have no table [assumed].
constexpr double kHalf = 0.5;
/// Behind rectifiers of ResNet-50 and GoogLeNet, whose densities are not known here [assumed].
constexpr double kActivations = 0.5;
/// Pictures that channels are ordered by, apart from the one that is run.
constexpr int kOthers = 8;

constexpr const char* kOneTower = "alexnet, one tower";

Workload made_up(const std::string& network, bool table) {
  const bool han = network.starts_with("alexnet") || network == "vgg16";
  Workload workload;
  workload.network = network;
  workload.densities = table ? "Han 2015" : "1/2";
  workload.synthetic = true;
  workload.published = table || !han;
  workload.first = !table;
  workload.rivals = workload.published;
  workload.balanced = table ? Structure::whole : Structure::balanced;
  workload.make = [network, table, han](Structure structure,
                                        std::optional<double> weights) -> std::optional<Pruned> {
    SyntheticOptions options;
    options.network = network == kOneTower ? "alexnet" : network;
    if (han) options.table = "han2015";
    if (!table) options.weights = kHalf;
    if (weights) options.weights = weights;
    options.activations = kActivations;
    options.structure = structure;
    SyntheticNetwork made = network == kOneTower ? make_synthetic(one_tower_alexnet(), options)
                                                 : make_synthetic(options);
    return Pruned{std::move(made.graph), {std::move(made.input)}, {}};
  };
  return workload;
}

/// Half of the weights, or what each layer of a pruned file has left.
WeightDensities densities_of(const ir::Graph& graph, bool& pruned) {
  WeightDensities densities{kHalf, {}};
  std::int64_t kept = 0, all = 0;
  for (const prune::Layer& layer : prune::prunable_layers(graph)) {
    const prune::Mask mask = prune::mask_of(*graph.value(layer.weights.value).constant);
    const auto left = std::count(mask.begin(), mask.end(), 1);
    kept += left;
    all += std::ssize(mask);
    densities.layers[layer.node] =
        std::max(1e-6, static_cast<double>(left) / static_cast<double>(mask.size()));
  }
  pruned = static_cast<double>(kept) < 0.8 * static_cast<double>(all);
  if (!pruned) densities.layers.clear();
  return densities;
}

Workload one_shot(RealNetwork network) {
  Workload workload;
  bool pruned = false;
  const WeightDensities densities = densities_of(network.graph, pruned);
  workload.network = network.name;
  workload.densities = pruned ? "the file's" : "1/2";
  workload.make = [network = std::move(network), densities, pruned](
                      Structure structure, std::optional<double> weights) -> std::optional<Pruned> {
    Pruned made{network.graph, network.inputs, network.others};
    if (weights) {
      prune_to(made.graph, structure, {*weights, {}});
    } else if (!pruned || structure != Structure::fine) {
      prune_to(made.graph, structure, densities);
    }
    return made;
  };
  return workload;
}

/// The files of one pair by structure.
using Pair = std::map<Structure, std::string>;

Workload trained(const std::string& data, const std::string& name, const Pair& files) {
  Workload workload;
  workload.network = "trained: " + name;
  workload.densities = "the files'";
  workload.rivals = false;
  workload.make = [data, files](Structure structure,
                                std::optional<double>) -> std::optional<Pruned> {
    const auto file = files.find(structure);
    if (file == files.end()) return std::nullopt;
    RealFile how{"", "cifar10", "auto", kOthers};
    RealNetwork network = load_real(data, file->second, how);
    return Pruned{std::move(network.graph), std::move(network.inputs), std::move(network.others)};
  };
  return workload;
}

}  // namespace

ir::Graph one_tower_alexnet() {
  zoo::Builder net("alexnet_one_tower", 1, {1, 3, 224, 224});
  const zoo::Square pool{3, 2, 0};
  const auto conv = [&](const char* name, ir::ValueId x, std::int64_t channels,
                        zoo::Square window) {
    return net.relu(std::string(name) + ".relu", net.conv(name, x, channels, window));
  };
  const auto dense = [&](const char* name, ir::ValueId x) {
    return net.relu(std::string(name) + ".relu", net.dense(name, x, 4096));
  };
  ir::ValueId x = conv("conv1", net.input(), 64, {11, 4, 2});
  x = conv("conv2", net.pool("pool1", x, ir::PoolKind::max, pool), 192, {5, 1, 2});
  x = conv("conv3", net.pool("pool2", x, ir::PoolKind::max, pool), 384, {3, 1, 1});
  x = conv("conv5", conv("conv4", x, 256, {3, 1, 1}), 256, {3, 1, 1});
  x = net.flatten("flatten", net.pool("pool5", x, ir::PoolKind::max, pool), 256 * 6 * 6);
  x = dense("fc7", dense("fc6", x));
  return std::move(net).finish(net.dense("fc8", x, 1000));
}

std::vector<Workload> synthetic_workloads() {
  return {made_up("alexnet", true),   made_up(kOneTower, true),    made_up("vgg16", true),
          made_up("resnet50", false), made_up("googlenet", false), made_up("alexnet", false),
          made_up("vgg16", false)};
}

std::vector<Workload> real_workloads(const std::string& data, std::vector<std::string>& missing) {
  const std::vector<RealFile> files{
      {"models/cifar10/resnet20_cifar10.onnx", "cifar10", "imagenet", kOthers},
      {"models/cifar10/resnet56_cifar10.onnx", "cifar10", "imagenet", kOthers},
      {"models/imagenet/squeezenet_v1.1.onnx", "images/imagenet1000_256", "caffe", kOthers},
      {"models/imagenet/squeezenet_v1.0_deep_compression.onnx", "images/imagenet1000_256", "caffe",
       kOthers}};
  std::vector<Workload> workloads;
  for (RealNetwork& network : load_real(data, files, missing)) {
    workloads.push_back(one_shot(std::move(network)));
  }
  return workloads;
}

std::vector<Workload> trained_workloads(const std::string& data, const std::string& folder,
                                        std::vector<std::string>& missing) {
  if (!fs::is_directory(folder)) return {};
  std::map<std::string, Pair> pairs;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path file = entry.path();
    if (file.extension() != ".sync" && file.extension() != ".onnx") continue;
    const fs::path kind = file.stem().extension();
    const std::string name = file.stem().stem().string();
    if (kind == ".magnitude") pairs[name][Structure::fine] = file.string();
    if (kind == ".balanced") pairs[name][Structure::balanced] = file.string();
  }
  if (pairs.empty()) {
    missing.push_back(
        fmt::format("{} has no NAME.magnitude or NAME.balanced networks (.sync, .onnx).", folder));
  }
  std::vector<Workload> workloads;
  for (const auto& [name, files] : pairs) workloads.push_back(trained(data, name, files));
  return workloads;
}

}  // namespace syncopate::reproduce::sense
