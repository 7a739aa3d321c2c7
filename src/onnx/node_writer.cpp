#include "onnx/node_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/shapes.h"

namespace syncopate::onnx {
namespace {

namespace pb = ::onnx;
using ir::Ints;

/// Writes one node: the visitor's functions say how each operator is spelled in ONNX.
class NodeWriter {
 public:
  NodeWriter(const ir::Graph& graph, const ir::Node& node, ValueNames& names, pb::GraphProto& proto)
      : graph_(graph), node_(node), names_(names), proto_(proto) {}

  void operator()(const ir::Conv& op) { grouped(add("Conv"), op.window, op.group); }
  void operator()(const ir::QLinearConv& op) { grouped(add("QLinearConv"), op.window, op.group); }
  void operator()(const ir::ConvTranspose& op) {
    pb::NodeProto& out = add("ConvTranspose");
    grouped(out, op.window, op.group);
    set(out, "output_padding", op.output_padding);
  }
  void operator()(const ir::Gemm& op) {
    pb::NodeProto& out = add("Gemm");
    set(out, "alpha", op.alpha);
    set(out, "beta", op.beta);
    set(out, "transA", std::int64_t{op.trans_a});
    set(out, "transB", std::int64_t{op.trans_b});
  }
  void operator()(const ir::BatchNormalization& op) {
    set(add("BatchNormalization"), "epsilon", op.epsilon);
  }
  void operator()(const ir::Unary& op) {
    pb::NodeProto& out = add(ir::name_of(node_.op));
    if (op.kind == ir::UnaryKind::leaky_relu) set(out, "alpha", op.alpha);
    if (op.kind == ir::UnaryKind::hard_sigmoid) {
      set(out, "alpha", op.alpha);
      set(out, "beta", op.beta);
    }
    if (op.kind == ir::UnaryKind::clip) {
      out.add_input(std::isinf(op.alpha) ? "" : bound(op.alpha, "min"));
      out.add_input(std::isinf(op.beta) ? "" : bound(op.beta, "max"));
    }
  }
  void operator()(const ir::Pool& op) {
    pb::NodeProto& out = add(ir::name_of(node_.op));
    if (op.kind == ir::PoolKind::max) {
      window(out, op.window);
      set(out, "storage_order", std::int64_t{op.column_major_indices});
    } else {
      if (std::ranges::any_of(op.window.dilations, [](std::int64_t d) { return d != 1; })) {
        refuse("a dilated AveragePool");
      }
      window(out, op.window, false);
      set(out, "count_include_pad", std::int64_t{op.count_include_pad});
    }
    set(out, "ceil_mode", std::int64_t{op.ceil_mode});
  }
  void operator()(const ir::Lrn& op) {
    pb::NodeProto& out = add("LRN");
    set(out, "size", op.size);
    set(out, "alpha", op.alpha);
    set(out, "beta", op.beta);
    set(out, "bias", op.bias);
  }
  void operator()(const ir::Softmax& op) {
    if (!op.flatten) return set(add("Softmax"), "axis", op.axis);
    // The old form, over all dimensions from the axis on, is spelled out.
    const std::string name = names_[node_.outputs[0]];
    const std::string flat = names_.fresh(name + "/flat"), soft = names_.fresh(name + "/soft");
    pb::NodeProto& flatten = add_bare("Flatten", {names_[node_.inputs[0]]}, {flat});
    set(flatten, "axis", op.axis);
    set(add_bare("Softmax", {flat}, {soft}), "axis", std::int64_t{1});
    add_bare("Reshape", {soft, list(graph_.value(node_.inputs[0]).shape, "shape")}, {name});
  }
  void operator()(const ir::Concat& op) { set(add("Concat"), "axis", op.axis); }
  void operator()(const ir::Flatten& op) { set(add("Flatten"), "axis", op.axis); }
  void operator()(const ir::Reshape& op) {
    pb::NodeProto& out = add("Reshape");
    out.add_input(list(op.shape, "shape"));
    if (op.allow_zero && has_zero(op)) set(out, "allowzero", std::int64_t{1});
  }
  void operator()(const ir::Transpose& op) { set(add("Transpose"), "perm", op.perm); }
  void operator()(const ir::Pad& op) {
    constexpr std::string_view kModes[] = {"constant", "reflect", "edge"};
    pb::NodeProto& out = add("Pad");
    set(out, "mode", kModes[static_cast<std::size_t>(op.mode)]);
    Ints pads = op.before;
    pads.insert(pads.end(), op.after.begin(), op.after.end());
    out.add_input(list(pads, "pads"));
    if (op.mode == ir::PadMode::constant) out.add_input(bound(op.value, "value"));
  }
  void operator()(const ir::Slice& op) {
    pb::NodeProto& out = add("Slice");
    out.add_input(list(op.starts, "starts"));
    out.add_input(list(op.ends, "ends"));
    out.add_input(list(op.axes, "axes"));
    out.add_input(list(op.steps, "steps"));
  }
  void operator()(const ir::Split& op) {
    pb::NodeProto& out = add("Split");
    set(out, "axis", op.axis);
    out.add_input(list(op.sizes, "split"));
  }
  void operator()(const ir::Resize& op) {
    constexpr std::string_view kCoordinates[] = {"half_pixel",         "",
                                                 "pytorch_half_pixel", "align_corners",
                                                 "asymmetric",         "tf_crop_and_resize"};
    constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                             "ceil"};
    if (op.coordinates == ir::CoordinateMode::half_pixel_symmetric) {
      refuse("half_pixel_symmetric resizing");
    }
    pb::NodeProto& out = add("Resize");
    set(out, "mode", "nearest");
    set(out, "coordinate_transformation_mode",
        kCoordinates[static_cast<std::size_t>(op.coordinates)]);
    set(out, "nearest_mode", kNearest[static_cast<std::size_t>(op.nearest)]);
    set(out, "extrapolation_value", op.extrapolation_value);
    out.add_input(op.roi.empty() ? "" : reals(op.roi, "roi"));
    if (scales_give_sizes(op)) {
      out.add_input(reals(op.scales, "scales"));
    } else {
      out.add_input("");
      out.add_input(list(op.sizes, "sizes"));
    }
  }
  void operator()(const ir::ReduceMean& op) {
    if (op.axes.empty()) {
      add("Identity");
      return;
    }
    pb::NodeProto& out = add("ReduceMean");
    set(out, "axes", op.axes);
    set(out, "keepdims", std::int64_t{op.keep_dims});
  }
  void operator()(const ir::QuantizeLinear& op) {
    const DType type = graph_.value(node_.outputs[0]).dtype;
    if (type != DType::i8 && type != DType::u8) refuse("16-bit quantization");
    set(add("QuantizeLinear"), "axis", op.axis);
  }
  void operator()(const ir::DequantizeLinear& op) {
    const DType type = graph_.value(node_.inputs[0]).dtype;
    if (type == DType::i16 || type == DType::u16) refuse("16-bit quantization");
    set(add("DequantizeLinear"), "axis", op.axis);
  }
  void operator()(const ir::Cast& op) { set(add("Cast"), "to", std::int64_t{onnx_type(op.to)}); }
  void operator()(const ir::Gather& op) { set(add("Gather"), "axis", op.axis); }
  void operator()(const ir::ShapeOf& op) {
    // Opset 13 has no part of a shape; but shapes are known, so the answer itself is written.
    const Shape& shape = graph_.value(node_.inputs[0]).shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto clamp = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    const std::int64_t start = clamp(op.start);
    const std::int64_t end = std::max(start, clamp(op.end.value_or(rank)));
    add_bare("Identity", {list(Ints(shape.begin() + start, shape.begin() + end), "extents")},
             {names_[node_.outputs[0]]});
  }
  void operator()(const ir::ConstantOfShape& op) {
    pb::AttributeProto& value = *add("ConstantOfShape").add_attribute();
    value.set_name("value");
    value.set_type(pb::AttributeProto::TENSOR);
    fill_tensor(op.value.reshaped({1}), "", true, *value.mutable_t());
  }
  void operator()(const ir::DepthToSpace& op) {
    pb::NodeProto& out = add("DepthToSpace");
    set(out, "blocksize", op.block);
    set(out, "mode", op.column_row_depth ? "CRD" : "DCR");
  }
  /// Operators without attributes.
  template <class Op>
  void operator()(const Op&) {
    add(ir::name_of(node_.op));
  }

  static bool has_zero(const ir::Reshape& op) {
    return std::ranges::any_of(op.shape, [](std::int64_t extent) { return extent == 0; });
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail("node '{}' ({}): {} cannot be written as ONNX opset 13", node_.name, ir::name_of(node_.op),
         what);
  }

  pb::NodeProto& add_bare(std::string_view op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
    pb::NodeProto& out = *proto_.add_node();
    out.set_op_type(std::string(op));
    for (const std::string& input : inputs) out.add_input(input);
    for (const std::string& output : outputs) out.add_output(output);
    return out;
  }

  /// The node itself, with its own inputs and outputs.
  pb::NodeProto& add(std::string_view op) {
    pb::NodeProto& out = add_bare(op, {}, {});
    out.set_name(node_.name);
    for (ir::ValueId id : node_.inputs) out.add_input(id == ir::kNoValue ? "" : names_[id]);
    for (ir::ValueId id : node_.outputs) out.add_output(id == ir::kNoValue ? "" : names_[id]);
    return out;
  }

  static pb::AttributeProto& attribute(pb::NodeProto& out, std::string_view name,
                                       pb::AttributeProto::AttributeType type) {
    pb::AttributeProto& result = *out.add_attribute();
    result.set_name(std::string(name));
    result.set_type(type);
    return result;
  }
  static void set(pb::NodeProto& out, std::string_view name, std::int64_t value) {
    attribute(out, name, pb::AttributeProto::INT).set_i(value);
  }
  static void set(pb::NodeProto& out, std::string_view name, float value) {
    attribute(out, name, pb::AttributeProto::FLOAT).set_f(value);
  }
  static void set(pb::NodeProto& out, std::string_view name, std::string_view value) {
    attribute(out, name, pb::AttributeProto::STRING).set_s(std::string(value));
  }
  static void set(pb::NodeProto& out, std::string_view name, const Ints& values) {
    pb::AttributeProto& result = attribute(out, name, pb::AttributeProto::INTS);
    for (std::int64_t value : values) result.add_ints(value);
  }

  static void window(pb::NodeProto& out, const ir::Window& window, bool dilations = true) {
    set(out, "kernel_shape", window.kernel);
    set(out, "strides", window.strides);
    if (dilations) set(out, "dilations", window.dilations);
    Ints pads = window.pads_begin;
    pads.insert(pads.end(), window.pads_end.begin(), window.pads_end.end());
    set(out, "pads", pads);
  }
  static void grouped(pb::NodeProto& out, const ir::Window& shape, std::int64_t group) {
    window(out, shape);
    set(out, "group", group);
  }

  std::string initializer(const Tensor& tensor, std::string_view role) {
    const std::string base = node_.name.empty() ? std::string(ir::name_of(node_.op)) : node_.name;
    std::string name = names_.fresh(fmt::format("{}/{}", base, role));
    fill_tensor(tensor, name, true, *proto_.add_initializer());
    return name;
  }
  std::string list(const Ints& values, std::string_view role) {
    return initializer(
        Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values), role);
  }
  std::string reals(const std::vector<float>& values, std::string_view role) {
    return initializer(Tensor::from<float>({static_cast<std::int64_t>(values.size())}, values),
                       role);
  }
  /// A scalar of the input's own type.
  std::string bound(float value, std::string_view role) {
    switch (graph_.value(node_.inputs[0]).dtype) {
      case DType::f32:
        return initializer(Tensor::from<float>({}, {value}), role);
      case DType::i8:
        return integer_bound<std::int8_t>(value, role);
      case DType::u8:
        return integer_bound<std::uint8_t>(value, role);
      case DType::i32:
        return integer_bound<std::int32_t>(value, role);
      case DType::i64:
        return integer_bound<std::int64_t>(value, role);
      default:
        refuse("this element type");
    }
  }
  template <class T>
  std::string integer_bound(float value, std::string_view role) {
    using Limits = std::numeric_limits<T>;
    // The largest integer need not be a float, but the power of two behind it is.
    T whole = 0;
    if (value >= std::ldexp(1.0F, Limits::digits)) {
      whole = Limits::max();
    } else if (value <= static_cast<float>(Limits::min())) {
      whole = Limits::min();
    } else if (!std::isnan(value)) {
      whole = static_cast<T>(value);
    }
    return initializer(Tensor::from<T>({}, {whole}), role);
  }

  /// Whether a reader that is given the scales comes to the same sizes.
  bool scales_give_sizes(const ir::Resize& op) const {
    const Shape& x = graph_.value(node_.inputs[0]).shape;
    for (std::size_t d = 0; d < x.size(); ++d) {
      const float part = op.roi.empty() ? 1.0F : op.roi[d + x.size()] - op.roi[d];
      const double size = std::floor(static_cast<double>(x[d]) * part * op.scales[d]);
      if (size != static_cast<double>(op.sizes[d])) return false;
    }
    return true;
  }

  const ir::Graph& graph_;
  const ir::Node& node_;
  ValueNames& names_;
  pb::GraphProto& proto_;
};

}  // namespace

ValueNames::ValueNames(const ir::Graph& graph) {
  for (const ir::Value& value : graph.values) {
    if (!value.name.empty()) sorted_.push_back(value.name);
  }
  std::ranges::sort(sorted_);
  for (const ir::Value& value : graph.values) {
    const bool shared = std::ranges::upper_bound(sorted_, value.name) -
                            std::ranges::lower_bound(sorted_, value.name) >
                        1;
    names_.push_back(value.name.empty() || shared ? fresh(value.name + "/") : value.name);
  }
}

std::string ValueNames::fresh(const std::string& base) {
  while (true) {
    std::string name = fmt::format("{}.{}", base, next_++);
    if (!std::ranges::binary_search(sorted_, name)) return name;
  }
}

int onnx_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return pb::TensorProto::FLOAT;
    case DType::i8:
      return pb::TensorProto::INT8;
    case DType::u8:
      return pb::TensorProto::UINT8;
    case DType::i16:
      return pb::TensorProto::INT16;
    case DType::u16:
      return pb::TensorProto::UINT16;
    case DType::i32:
      return pb::TensorProto::INT32;
    case DType::u32:
      return pb::TensorProto::UINT32;
    case DType::i64:
      return pb::TensorProto::INT64;
    case DType::boolean:
      return pb::TensorProto::BOOL;
  }
  broken("unknown element type");
}

void fill_tensor(const Tensor& tensor, const std::string& name, bool with_data,
                 pb::TensorProto& proto) {
  for (std::int64_t extent : tensor.shape()) proto.add_dims(extent);
  proto.set_data_type(onnx_type(tensor.dtype()));
  if (!name.empty()) proto.set_name(name);
  if (with_data) proto.set_raw_data(tensor.raw().data(), tensor.raw().size());
}

int opset_of(const ir::Graph& graph, const ir::Node& node) {
  const DType type =
      graph.value(node.outputs[0] == ir::kNoValue ? node.inputs[0] : node.outputs[0]).dtype;
  const bool narrow = type == DType::i8 || type == DType::u8 || type == DType::i16 ||
                      type == DType::u16 || type == DType::u32;
  if (std::holds_alternative<ir::Binary>(node.op)) return narrow ? 14 : 13;
  if (const auto* unary = std::get_if<ir::Unary>(&node.op)) {
    if (unary->kind == ir::UnaryKind::hard_swish) return 14;
    if (unary->kind == ir::UnaryKind::relu) return type == DType::f32 ? 13 : 14;
  }
  if (const auto* reshape = std::get_if<ir::Reshape>(&node.op)) {
    return reshape->allow_zero && NodeWriter::has_zero(*reshape) ? 14 : 13;
  }
  return 13;
}

void write_node(const ir::Graph& graph, const ir::Node& node, ValueNames& names,
                pb::GraphProto& proto) {
  std::visit(NodeWriter(graph, node, names, proto), node.op);
}

}  // namespace syncopate::onnx
