#pragma once

#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/graph.h"

namespace syncopate::reproduce {

/// A trained network that was really pruned, with one picture.
struct RealNetwork {
  std::string name;  ///< "real: " and the file's name.
  std::string file;
  ir::Graph graph;
  std::vector<Tensor> inputs;
};

/// A file under the data folder, and how its pictures become inputs.
struct RealFile {
  std::string file;
  std::string pictures;  ///< A folder of which the first is used, or empty: a procedural picture.
  std::string preset;    ///< See flow::InputOptions.
};
/// The pruned networks of the data folder: SqueezeNet by Deep Compression, AlexNet's convolutions
/// at three sparsities.
const std::vector<RealFile>& pruned_files();

/// The networks that are there; a line for each that is not goes to `missing`.
std::vector<RealNetwork> load_real(const std::string& data, const std::vector<RealFile>& files,
                                   std::vector<std::string>& missing);

}  // namespace syncopate::reproduce
