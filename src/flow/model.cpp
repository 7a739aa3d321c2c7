#include "flow/model.h"

#include <filesystem>
#include <string_view>

#include "onnx/import.h"
#include "zoo/networks.h"

namespace syncopate::flow {
namespace {

constexpr std::string_view kZoo = "zoo:";

}  // namespace

ir::Graph load_model(const ModelOptions& options) {
  if (options.model.starts_with(kZoo)) {
    if (!options.dims.empty()) fail("--dim: networks of the zoo have no symbolic dimensions");
    ir::Graph graph = zoo::network(options.model.substr(kZoo.size()), options.seed);
    graph.source = options.model;
    return graph;
  }
  onnx::ImportOptions import;
  import.dims = options.dims;
  return onnx::import_file(options.model, import);
}

std::string model_name(const std::string& model) {
  if (model.starts_with(kZoo)) return model.substr(kZoo.size());
  return std::filesystem::path(model).stem().string();
}

}  // namespace syncopate::flow
