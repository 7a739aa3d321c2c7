#include "reproduce/real_networks.h"

#include <fmt/core.h>

#include <filesystem>

#include "base/error.h"
#include "data/dataset.h"
#include "data/normalization.h"
#include "flow/inputs.h"
#include "flow/model.h"

namespace syncopate::reproduce {

namespace fs = std::filesystem;

namespace {

/// Null for a folder.
const data::DataSetInfo* data_set(const std::string& name) {
  for (const data::DataSetInfo& info : data::known_data_sets()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

void add_pictures(RealNetwork& network, const data::DataSet& set, const std::string& preset) {
  const data::Normalization how = data::normalization(preset, set.channels);
  const auto size = static_cast<std::size_t>(set.picture_size());
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    Tensor picture(DType::f32, {1, set.channels, set.height, set.width});
    data::normalize(std::span(set.pixels).subspan(i * size, size), set.channels, how,
                    picture.mutable_data<float>());
    if (i == 0) network.inputs = {picture};
    if (i > 0) network.others.push_back({picture});
  }
}

}  // namespace

const std::vector<RealFile>& pruned_files() {
  static const std::vector<RealFile> files{
      {"models/imagenet/squeezenet_v1.0_deep_compression.onnx", "images/imagenet1000_256", "caffe",
       0},
      {"models/layers/alexnet_conv_pruned_0.5376_l2.onnx", "images/imagenet1000_256", "caffe", 0},
      {"models/layers/alexnet_conv_pruned_0.5562_l1.onnx", "images/imagenet1000_256", "caffe", 0},
      {"models/layers/alexnet_conv_pruned_0.5626_l1.onnx", "images/imagenet1000_256", "caffe", 0}};
  return files;
}

RealNetwork load_real(const std::string& data, const std::string& file, const RealFile& how) {
  RealNetwork network{"real: " + fs::path(file).stem().string(), file, {}, {}, {}};
  network.graph = flow::load_model({.model = file, .dims = {}});
  if (const data::DataSetInfo* set = data_set(how.pictures)) {
    if (data::find_data_set(*set, data).empty()) {
      fail("{}: the data folder has no {}", file, set->name);
    }
    add_pictures(network, data::load_data_set(set->name, data, data::Split::test, how.others + 1),
                 how.preset);
    return network;
  }
  flow::InputOptions input;
  const fs::path pictures = fs::path(data) / how.pictures;
  if (!how.pictures.empty() && fs::exists(pictures)) input.paths = {pictures.string()};
  input.preset = how.preset;
  input.limit = how.others + 1;
  const flow::Inputs inputs(network.graph, input);
  network.inputs = inputs.load(0);
  for (std::size_t i = 1; i < inputs.size(); ++i) network.others.push_back(inputs.load(i));
  return network;
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
    networks.push_back(load_real(data, file.string(), entry));
  }
  return networks;
}

}  // namespace syncopate::reproduce
