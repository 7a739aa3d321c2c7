#include <algorithm>

#include "ir/shapes.h"
#include "onnx/translate.h"

namespace syncopate::onnx {
namespace {

using ir::Ints;
using ir::Window;

enum class AutoPad : std::uint8_t { none, same_upper, same_lower, valid };

AutoPad auto_pad(NodeContext& node) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) return AutoPad::none;
  if (mode == "SAME_UPPER") return AutoPad::same_upper;
  if (mode == "SAME_LOWER") return AutoPad::same_lower;
  if (mode == "VALID") return AutoPad::valid;
  node.refuse("auto_pad '{}' is unknown (NOTSET, SAME_UPPER, SAME_LOWER and VALID are supported)",
              mode);
}

/// Splits `total` over both ends; the odd one goes where `mode` says.
void set_pads(Window& window, std::size_t d, std::int64_t total, bool upper) {
  window.pads_begin[d] = upper ? total / 2 : total - total / 2;
  window.pads_end[d] = total - window.pads_begin[d];
}

/// Reads kernel, strides, dilations and explicit pads, all checked against the input's rank.
Window read_window(NodeContext& node, const Shape& x, const std::optional<Ints>& weights_kernel) {
  if (x.size() < 3 || x.size() > 5) {
    node.refuse("the input {} should be [N, C, 1 to 3 spatial dimensions]", to_string(x));
  }
  const std::size_t spatial = x.size() - 2;
  const auto kernel = node.integers("kernel_shape");
  if (!kernel && !weights_kernel) node.refuse("attribute 'kernel_shape' is missing");
  Window window;
  window.kernel = kernel ? *kernel : *weights_kernel;
  window.strides = node.integers("strides").value_or(Ints(spatial, 1));
  window.dilations = node.integers("dilations").value_or(Ints(spatial, 1));
  const Ints pads = node.integers("pads").value_or(Ints(2 * spatial, 0));
  if (pads.size() != 2 * spatial) {
    node.refuse("pads has {} entries, expected {}", pads.size(), 2 * spatial);
  }
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(spatial));
  window.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(spatial), pads.end());
  try {
    ir::check_window(window, spatial);
  } catch (const InputError& error) {
    node.refuse("{}", error.what());
  }
  return window;
}

/// Replaces automatic padding by the explicit padding it stands for.
void resolve_auto_pad(NodeContext& node, Window& window, const Shape& x) {
  const AutoPad mode = auto_pad(node);
  if (mode == AutoPad::none) return;
  for (std::size_t d = 0; d < window.kernel.size(); ++d) {
    std::int64_t total = 0;
    if (mode != AutoPad::valid) {
      const std::int64_t stride = window.strides[d];
      const std::int64_t out = (x[d + 2] + stride - 1) / stride;
      const std::int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
      total = std::max<std::int64_t>(0, (out - 1) * stride + span - x[d + 2]);
    }
    set_pads(window, d, total, mode != AutoPad::same_lower);
  }
}

std::optional<Ints> kernel_of(const Shape& weights) {
  if (weights.size() < 3) return std::nullopt;
  return Ints(weights.begin() + 2, weights.end());
}

void conv(NodeContext& node) {
  Window window = read_window(node, node.shape(0), kernel_of(node.shape(1)));
  resolve_auto_pad(node, window, node.shape(0));
  node.emit(ir::Conv{window, node.integer("group", 1)}, node.all_inputs(3));
}

void qlinear_conv(NodeContext& node) {
  Window window = read_window(node, node.shape(0), kernel_of(node.shape(3)));
  resolve_auto_pad(node, window, node.shape(0));
  node.emit(ir::QLinearConv{window, node.integer("group", 1)}, node.all_inputs(9));
}

/// Padding that makes a transposed convolution's output `wanted` long. Where even no padding is too
/// short, the output is extended at its end, as ONNX's own examples have it.
void pad_to(ir::ConvTranspose& op, std::size_t d, std::int64_t input, std::int64_t wanted,
            bool upper) {
  Window& window = op.window;
  const std::int64_t full = window.strides[d] * (input - 1) + op.output_padding[d] +
                            (window.kernel[d] - 1) * window.dilations[d] + 1;
  set_pads(window, d, std::max<std::int64_t>(0, full - wanted), upper);
  op.output_padding[d] += std::max<std::int64_t>(0, wanted - full);
}

void conv_transpose(NodeContext& node) {
  const Shape x = node.shape(0);
  ir::ConvTranspose op;
  op.window = read_window(node, x, kernel_of(node.shape(1)));
  op.group = node.integer("group", 1);
  if (op.group < 1) node.refuse("attribute 'group' is {}", op.group);
  const std::size_t spatial = op.window.kernel.size();
  op.output_padding = node.integers("output_padding").value_or(Ints(spatial, 0));
  Ints wanted = node.integers("output_shape").value_or(Ints{});
  // Some exporters list all dimensions, some only the spatial ones.
  if (wanted.size() == x.size()) wanted.erase(wanted.begin(), wanted.begin() + 2);
  const AutoPad mode = auto_pad(node);
  if (op.output_padding.size() != spatial || (!wanted.empty() && wanted.size() != spatial)) {
    node.refuse("output_padding or output_shape does not have {} entries", spatial);
  }
  for (std::size_t d = 0; d < spatial; ++d) {
    const std::int64_t extra = op.output_padding[d];
    if (extra < 0 || extra > ir::kMaxWindow) node.refuse("output_padding holds {}", extra);
    const bool upper = mode == AutoPad::same_upper;
    if (!wanted.empty()) {
      if (wanted[d] < 1 || wanted[d] > (std::int64_t{1} << 40)) {
        node.refuse("output_shape holds {}", wanted[d]);
      }
      pad_to(op, d, x[d + 2], wanted[d], upper);
    } else if (mode == AutoPad::same_upper || mode == AutoPad::same_lower) {
      pad_to(op, d, x[d + 2], x[d + 2] * op.window.strides[d], upper);
    } else if (mode == AutoPad::valid) {
      set_pads(op.window, d, 0, true);
    }
  }
  node.emit(op, node.all_inputs(3));
}

void pool(NodeContext& node, ir::PoolKind kind) {
  ir::Pool op;
  op.kind = kind;
  op.window = read_window(node, node.shape(0), std::nullopt);
  resolve_auto_pad(node, op.window, node.shape(0));
  op.ceil_mode = node.flag("ceil_mode", false);
  if (kind == ir::PoolKind::average) {
    op.count_include_pad = node.flag("count_include_pad", false);
    node.emit(op, node.all_inputs(1));
    return;
  }
  op.column_major_indices = node.flag("storage_order", false);
  node.emit(op, node.all_inputs(1), node.wants(1) ? 2 : 1);
}

void max_pool(NodeContext& node) { pool(node, ir::PoolKind::max); }
void average_pool(NodeContext& node) { pool(node, ir::PoolKind::average); }

void global_max_pool(NodeContext& node) {
  node.emit(ir::GlobalPool{ir::PoolKind::max}, node.all_inputs(1));
}
void global_average_pool(NodeContext& node) {
  node.emit(ir::GlobalPool{ir::PoolKind::average}, node.all_inputs(1));
}

void gemm(NodeContext& node) {
  ir::Gemm op;
  op.alpha = node.real("alpha", 1);
  op.beta = node.real("beta", 1);
  op.trans_a = node.flag("transA", false);
  op.trans_b = node.flag("transB", false);
  // Before opset 7 broadcasting had to be asked for; its rules were a subset of today's.
  if (node.opset() < 7) node.ignore("broadcast");
  node.emit(op, node.all_inputs(3));
}

void mat_mul(NodeContext& node) { node.emit(ir::MatMul{}, node.all_inputs(2)); }
void qlinear_mat_mul(NodeContext& node) { node.emit(ir::QLinearMatMul{}, node.all_inputs(8)); }

void batch_normalization(NodeContext& node) {
  ir::BatchNormalization op;
  op.epsilon = node.real("epsilon", 1e-5F);
  node.ignore("momentum");
  if (node.opset() < 9 && node.integer("spatial", 1) != 1) {
    node.refuse("spatial=0 is not supported (only one mean and variance per channel is)");
  }
  if (node.opset() >= 14 && node.flag("training_mode", false)) {
    node.refuse("training mode is not supported (export the network for inference)");
  }
  if (node.opset() < 7) {
    if (!node.flag("is_test", false)) {
      node.refuse("training mode is not supported (export the network for inference)");
    }
    node.ignore("consumed_inputs");
  }
  for (std::size_t i = 1; i < node.outputs(); ++i) {
    if (node.wants(i)) node.refuse("training outputs are not supported");
  }
  node.emit(op, node.all_inputs(5));
}

void lrn(NodeContext& node) {
  ir::Lrn op;
  op.size = node.required_integer("size");
  op.alpha = node.real("alpha", 1e-4F);
  op.beta = node.real("beta", 0.75F);
  op.bias = node.real("bias", 1);
  node.emit(op, node.all_inputs(1));
}

}  // namespace

void add_layer_translators(Translators& table) {
  table.insert({{"Conv", conv},
                {"QLinearConv", qlinear_conv},
                {"ConvTranspose", conv_transpose},
                {"MaxPool", max_pool},
                {"AveragePool", average_pool},
                {"GlobalMaxPool", global_max_pool},
                {"GlobalAveragePool", global_average_pool},
                {"Gemm", gemm},
                {"MatMul", mat_mul},
                {"QLinearMatMul", qlinear_mat_mul},
                {"BatchNormalization", batch_normalization},
                {"LRN", lrn}});
}

}  // namespace syncopate::onnx
