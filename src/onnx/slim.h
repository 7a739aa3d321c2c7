#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "onnx/byte_source.h"

namespace syncopate::onnx {

/// A run of little-endian tensor elements that was left in the file.
struct Cut {
  /// The TensorProto field it came from.
  enum class Field : std::uint8_t { raw_data, float_data, double_data };
  Field field;
  std::uint64_t offset;
  std::uint64_t length;
};

/// A serialized message without its large tensor contents. protobuf would copy those into memory
/// once before we copy them a second time into tensors; this way they are read once.
struct Slimmed {
  std::string bytes;  ///< Valid protobuf when the source was.
  /// Of graph.initializer, by position.
  std::map<int, std::vector<Cut>> initializers;
  /// Of graph.node[first].attribute[second].t.
  std::map<std::pair<int, int>, std::vector<Cut>> attributes;
  /// Of the message itself, when it is a TensorProto.
  std::vector<Cut> own;
};

/// Contents shorter than this stay in the message.
inline constexpr std::uint64_t kCutBytes = 1024;

/// Slims a serialized ModelProto. InputError, starting with `file`, when the bytes are not
/// protobuf.
Slimmed slim_model(const ByteSource& source, const std::string& file);
/// Slims a serialized TensorProto.
Slimmed slim_tensor(const ByteSource& source, const std::string& file);

}  // namespace syncopate::onnx
