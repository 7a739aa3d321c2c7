#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ir/graph.h"

namespace syncopate::flow {

/// What to load: "FILE.onnx", a container "FILE.sync" (told by its first bytes), or "zoo:NAME" for
/// a known network with made-up weights.
struct ModelOptions {
  std::string model;
  std::map<std::string, std::int64_t> dims;  ///< Extents of symbolic dimensions by name.
  std::uint64_t seed = 1;                    ///< Of made-up weights.
};

/// Loads a network with inferred shapes. InputError as the importer or the zoo gives it.
ir::Graph load_model(const ModelOptions& options);

/// "resnet20" from "zoo:resnet20" or "models/resnet20.onnx".
std::string model_name(const std::string& model);

}  // namespace syncopate::flow
