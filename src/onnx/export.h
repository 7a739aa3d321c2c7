#pragma once

#include <string>

#include "ir/graph.h"

namespace syncopate::onnx {

/// Writes a network as ONNX, opset 13 (14 where an operator needs it), IR version 7, in one step:
/// a file of that name is replaced or left alone. Shapes must be inferred. Constants are written
/// from where they lie, without a second copy in memory. InputError, naming the node, for what
/// ONNX 14 cannot say (16-bit quantization, half_pixel_symmetric resizing), and for networks over
/// 2 GB, which ONNX cannot hold in one file.
void export_file(const ir::Graph& graph, const std::string& path);

/// The same bytes in memory.
std::string export_bytes(const ir::Graph& graph);

}  // namespace syncopate::onnx
