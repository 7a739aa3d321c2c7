#include "reproduce/real_networks.h"

#include <fmt/format.h>

#include <filesystem>

#include "flow/inputs.h"
#include "flow/model.h"

namespace syncopate::reproduce {

namespace fs = std::filesystem;

const std::vector<RealFile>& pruned_files() {
  static const std::vector<RealFile> files{
      {"models/imagenet/squeezenet_v1.0_deep_compression.onnx", "images/imagenet1000_256", "caffe"},
      {"models/layers/alexnet_conv_pruned_0.5376_l2.onnx", "images/imagenet1000_256", "caffe"},
      {"models/layers/alexnet_conv_pruned_0.5562_l1.onnx", "images/imagenet1000_256", "caffe"},
      {"models/layers/alexnet_conv_pruned_0.5626_l1.onnx", "images/imagenet1000_256", "caffe"}};
  return files;
}

std::vector<RealNetwork> load_real(const std::string& data, const std::vector<RealFile>& files,
                                   std::vector<std::string>& missing) {
  std::vector<RealNetwork> networks;
  for (const RealFile& entry : files) {
    const fs::path file = fs::path(data) / entry.file;
    if (!fs::exists(file)) {
      missing.push_back(fmt::format("{} is not in the data folder.", entry.file));
      continue;
    }
    RealNetwork network{"real: " + file.stem().string(), file.string(), {}, {}};
    network.graph = flow::load_model({.model = network.file, .dims = {}});
    flow::InputOptions input;
    const fs::path pictures = fs::path(data) / entry.pictures;
    if (!entry.pictures.empty() && fs::exists(pictures)) input.paths = {pictures.string()};
    input.preset = entry.preset;
    input.limit = 1;
    network.inputs = flow::Inputs(network.graph, input).load(0);
    networks.push_back(std::move(network));
  }
  return networks;
}

}  // namespace syncopate::reproduce
