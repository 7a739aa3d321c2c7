#include "flow/model.h"

#include <filesystem>
#include <string_view>

#include "codec/model_file.h"
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
  if (codec::is_sync_file(options.model)) {
    if (!options.dims.empty()) fail("--dim: the shapes in '{}' are fixed", options.model);
    ir::Graph graph = codec::read_model(codec::SyncReader(options.model));
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
