#pragma once

#include <torch/types.h>

#include <vector>

#include "ir/graph.h"

namespace syncopate::train {

/// One execution of a node on torch tensors. Every operation is differentiable.
struct Call {
  const ir::Graph& graph;
  const ir::Node& node;
  std::vector<torch::Tensor> in;  ///< By input slot; undefined where the node has none.
  bool training = false;  ///< Batch normalization uses, and updates, the batch's statistics.
  double momentum = 0.1;  ///< Weight of the batch in running statistics.
  /// Convolutions and matrix products compute in this type; the rest in that of their input.
  torch::ScalarType compute = torch::kFloat;
  bool rectify = false;  ///< Batch normalization: with the rectifier behind it.

  bool has(std::size_t slot) const { return slot < in.size() && in[slot].defined(); }
  torch::Tensor bias(std::size_t slot) const { return has(slot) ? in[slot] : torch::Tensor(); }
  /// Shape of an input in the graph, which may differ from that of `in` in its first extent.
  const Shape& input_shape(std::size_t slot) const { return graph.value(node.inputs[slot]).shape; }
  const Shape& output_shape(std::size_t slot = 0) const {
    return graph.value(node.outputs[slot]).shape;
  }
  bool uses_output(std::size_t slot) const {
    return slot < node.outputs.size() && node.outputs[slot] != ir::kNoValue;
  }
  /// InputError that names the node and its operator.
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{} ({}): {}", node.name, ir::name_of(node.op),
         fmt::format(format, std::forward<Args>(args)...));
  }
};

/// The node's outputs, with ONNX semantics. InputError naming the node for what cannot be trained:
/// quantized operators, and arithmetic on integers.
std::vector<torch::Tensor> execute(const Call& call);

// The rules behind it. Not for use outside src/train/.
namespace rules {

// Layers with weights, and windows (operators_layers.cpp).
torch::Tensor run(const ir::Conv& op, const Call& call);
torch::Tensor run(const ir::ConvTranspose& op, const Call& call);
torch::Tensor run(const ir::Gemm& op, const Call& call);
torch::Tensor run(const ir::MatMul& op, const Call& call);
torch::Tensor run(const ir::BatchNormalization& op, const Call& call);
torch::Tensor run(const ir::Pool& op, const Call& call);
torch::Tensor run(const ir::GlobalPool& op, const Call& call);
torch::Tensor run(const ir::Lrn& op, const Call& call);

/// Dense [pictures][height][width][channels] behind a tensor of the usual order of dimensions.
inline torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

/// A 3x3 window around every pixel, zero outside the picture, of all channels.
bool is_plain_3x3(const ir::Conv& op);

// Convolutions by minimal filtering (winograd_conv.cpp; see winograd.h): of 3x3 windows with stride
// 1 on the CPU in f32.
bool suits_winograd(const ir::Conv& op, const torch::Tensor& x, const torch::Tensor& w);
torch::Tensor winograd_conv(const torch::Tensor& x, const torch::Tensor& w);

// Convolutions as one matrix product (patch_conv.cpp): of 3x3 windows with stride 1 on small
// pictures with many channels, on the CPU in bf16.
bool suits_patches(const ir::Conv& op, const torch::Tensor& x, const torch::Tensor& w);
torch::Tensor patch_conv(const torch::Tensor& x, const torch::Tensor& w);

// Batch normalization in training, with its rectifier (batch_norm_op.cpp; see batch_norm.h): on the
// CPU in bf16.
bool suits_own_batch_norm(const torch::Tensor& x, const torch::Tensor& scale);
torch::Tensor own_batch_norm(const Call& call, double epsilon);

// Elementwise operators and those that move elements (operators.cpp).
torch::Tensor run(const ir::Unary& op, const Call& call);
torch::Tensor run(const ir::PRelu& op, const Call& call);
torch::Tensor run(const ir::Binary& op, const Call& call);
torch::Tensor run(const ir::Softmax& op, const Call& call);
torch::Tensor run(const ir::ReduceMean& op, const Call& call);
torch::Tensor run(const ir::Concat& op, const Call& call);
torch::Tensor run(const ir::Flatten& op, const Call& call);
torch::Tensor run(const ir::Reshape& op, const Call& call);
torch::Tensor run(const ir::Transpose& op, const Call& call);
torch::Tensor run(const ir::Pad& op, const Call& call);
torch::Tensor run(const ir::Slice& op, const Call& call);
torch::Tensor run(const ir::Resize& op, const Call& call);
torch::Tensor run(const ir::Gather& op, const Call& call);
torch::Tensor run(const ir::DepthToSpace& op, const Call& call);
torch::Tensor run(const ir::Cast& op, const Call& call);

}  // namespace rules
}  // namespace syncopate::train
