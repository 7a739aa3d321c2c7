#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/graph.h"

namespace syncopate::reproduce {

/// A trained network with one picture.
struct RealNetwork {
  std::string name;  ///< "real: " and the file's name.
  std::string file;
  ir::Graph graph;
  std::vector<Tensor> inputs;
  /// Further pictures, to measure what a network does on average.
  std::vector<std::vector<Tensor>> others;
};

/// A file under the data folder, and how its pictures become inputs.
struct RealFile {
  std::string file;
  /// A folder, or the name of a data set whose test pictures are meant; the first is run. Empty: a
  /// procedural picture.
  std::string pictures;
  std::string preset;  ///< See flow::InputOptions.
  int others = 0;      ///< Further pictures.
};
/// The pruned networks of the data folder: SqueezeNet by Deep Compression, AlexNet's convolutions
/// at three sparsities.
const std::vector<RealFile>& pruned_files();

/// The networks that are there; a line for each that is not goes to `missing`.
std::vector<RealNetwork> load_real(const std::string& data, const std::vector<RealFile>& files,
                                   std::vector<std::string>& missing);

/// One network from `file`, wherever it lies, with pictures from the data folder.
RealNetwork load_real(const std::string& data, const std::string& file, const RealFile& how);

}  // namespace syncopate::reproduce
