#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::onnx {

/// What an ONNX file leaves open.
struct ImportOptions {
  /// Extent of an input's first dimension when the file gives only a symbol for it.
  std::int64_t batch = 1;
  /// Extents of symbolic dimensions, by their names in the file. Wins over `batch`.
  std::map<std::string, std::int64_t> dims;
  /// Whole input shapes, by input name. Win over the file's own.
  std::map<std::string, Shape> shapes;
  /// Inputs that become constants of these values, by input name.
  std::map<std::string, Tensor> constants;
  /// Bytes that constant folding may allocate.
  std::int64_t fold_bytes = std::int64_t{2} << 30;
};

/// Reads an ONNX file: IR versions 3 to 9, default operator set up to 18. Shapes are inferred,
/// constants folded, dead nodes removed. Half and double precision become f32. Weights are read
/// straight from the file into their tensors, so a network takes its own size in memory once.
/// InputError, one line that starts with `path`, names the node, tensor or input at fault.
ir::Graph import_file(const std::string& path, const ImportOptions& options = {});

/// The same from memory; `name` stands for the file in messages. External data is refused.
ir::Graph import_bytes(std::span<const std::byte> bytes, const std::string& name,
                       const ImportOptions& options = {});

/// A tensor and the name it carries in its file.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Reads a serialized TensorProto (*.pb), any supported element type, NaN and infinities included.
NamedTensor read_tensor_file(const std::string& path);

/// The names of the ONNX operators that import understands, in alphabetical order.
std::vector<std::string> supported_operators();

}  // namespace syncopate::onnx
