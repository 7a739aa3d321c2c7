#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "base/tensor.h"
#include "onnx/byte_source.h"
#include "onnx/slim.h"

namespace syncopate::onnx {

/// Where tensor contents outside the parsed message are found.
struct TensorOrigin {
  const ByteSource& source;  ///< The file that cuts point into.
  std::string file;          ///< Its name, for messages.
  std::string directory;     ///< Where external data lies; empty when there is none.
};

/// Whether NaN and infinities are refused. Single infinite values (bounds of Clip, padding) pass.
enum class Finite : std::uint8_t { required, not_required };

/// The element type Syncopate holds tensors of an ONNX type in. InputError, naming the ONNX type,
/// when it holds none; `what` starts the message.
DType element_type(int onnx_type, const std::string& what);

/// Decodes a tensor whose large contents were cut out. `what` ("initializer 'w'") starts messages,
/// after the file's name. Nothing is allocated before the contents are known to fit the shape.
Tensor read_tensor(const ::onnx::TensorProto& proto, const std::vector<Cut>& cuts,
                   const TensorOrigin& origin, const std::string& what, Finite finite);

}  // namespace syncopate::onnx
