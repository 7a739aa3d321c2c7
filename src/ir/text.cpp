#include <fmt/ranges.h>

#include <cstring>
#include <iterator>

#include "ir/graph.h"

namespace syncopate::ir {
namespace {

/// Collects `name=value` words; defaults that say nothing are left out by the callers.
class Words {
 public:
  template <class T>
  Words& add(std::string_view name, const T& value) {
    words_.push_back(fmt::format("{}={}", name, value));
    return *this;
  }
  Words& add_dims(std::string_view name, const Ints& values) {
    words_.push_back(fmt::format("{}={}", name, fmt::join(values, "x")));
    return *this;
  }
  Words& add_list(std::string_view name, const Ints& values) {
    words_.push_back(fmt::format("{}=[{}]", name, fmt::join(values, ",")));
    return *this;
  }
  Words& flag(std::string_view name, bool on) {
    if (on) words_.emplace_back(name);
    return *this;
  }
  std::string text() const { return fmt::format("{}", fmt::join(words_, ", ")); }

 private:
  std::vector<std::string> words_;
};

bool all(const Ints& values, std::int64_t wanted) {
  for (std::int64_t value : values) {
    if (value != wanted) return false;
  }
  return true;
}

Words window_words(const Window& window) {
  Words words;
  words.add_dims("kernel", window.kernel);
  if (!all(window.strides, 1)) words.add_dims("strides", window.strides);
  if (!all(window.dilations, 1)) words.add_dims("dilations", window.dilations);
  if (!all(window.pads_begin, 0) || !all(window.pads_end, 0)) {
    Ints pads = window.pads_begin;
    pads.insert(pads.end(), window.pads_end.begin(), window.pads_end.end());
    words.add_list("pads", pads);
  }
  return words;
}

std::string_view text_of(CoordinateMode mode) {
  constexpr std::string_view kNames[] = {"half_pixel",         "half_pixel_symmetric",
                                         "pytorch_half_pixel", "align_corners",
                                         "asymmetric",         "tf_crop_and_resize"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view text_of(NearestMode mode) {
  constexpr std::string_view kNames[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                         "ceil"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view text_of(PadMode mode) {
  constexpr std::string_view kNames[] = {"constant", "reflect", "edge"};
  return kNames[static_cast<std::size_t>(mode)];
}

/// The attributes of an operator, as they stand between the braces.
struct AttributesOf {
  std::string operator()(const Conv& op) const { return grouped(op.window, op.group).text(); }
  std::string operator()(const QLinearConv& op) const {
    return grouped(op.window, op.group).text();
  }
  std::string operator()(const ConvTranspose& op) const {
    Words words = grouped(op.window, op.group);
    if (!all(op.output_padding, 0)) words.add_dims("output_padding", op.output_padding);
    return words.text();
  }
  std::string operator()(const Gemm& op) const {
    Words words;
    if (op.alpha != 1) words.add("alpha", op.alpha);
    if (op.beta != 1) words.add("beta", op.beta);
    return words.flag("trans_a", op.trans_a).flag("trans_b", op.trans_b).text();
  }
  std::string operator()(const BatchNormalization& op) const {
    return Words().add("epsilon", op.epsilon).text();
  }
  std::string operator()(const Unary& op) const {
    switch (op.kind) {
      case UnaryKind::leaky_relu:
        return Words().add("alpha", op.alpha).text();
      case UnaryKind::hard_sigmoid:
        return Words().add("alpha", op.alpha).add("beta", op.beta).text();
      case UnaryKind::clip:
        return Words().add("min", op.alpha).add("max", op.beta).text();
      default:
        return "";
    }
  }
  std::string operator()(const Pool& op) const {
    return window_words(op.window)
        .flag("count_include_pad", op.count_include_pad)
        .flag("ceil_mode", op.ceil_mode)
        .flag("column_major_indices", op.column_major_indices)
        .text();
  }
  std::string operator()(const Lrn& op) const {
    return Words()
        .add("size", op.size)
        .add("alpha", op.alpha)
        .add("beta", op.beta)
        .add("bias", op.bias)
        .text();
  }
  std::string operator()(const Softmax& op) const {
    return Words().add("axis", op.axis).flag("flatten", op.flatten).text();
  }
  std::string operator()(const Concat& op) const { return Words().add("axis", op.axis).text(); }
  std::string operator()(const Flatten& op) const { return Words().add("axis", op.axis).text(); }
  std::string operator()(const Reshape& op) const {
    return Words().add_list("shape", op.shape).flag("allow_zero", op.allow_zero).text();
  }
  std::string operator()(const Transpose& op) const {
    return Words().add_list("perm", op.perm).text();
  }
  std::string operator()(const Pad& op) const {
    Words words;
    words.add("mode", text_of(op.mode)).add_list("before", op.before).add_list("after", op.after);
    if (op.value != 0) words.add("value", op.value);
    return words.text();
  }
  std::string operator()(const Slice& op) const {
    return Words()
        .add_list("starts", op.starts)
        .add_list("ends", op.ends)
        .add_list("axes", op.axes)
        .add_list("steps", op.steps)
        .text();
  }
  std::string operator()(const Split& op) const {
    return Words().add("axis", op.axis).add_list("sizes", op.sizes).text();
  }
  std::string operator()(const Resize& op) const {
    Words words;
    words.add_dims("sizes", op.sizes)
        .add("scales", fmt::format("[{}]", fmt::join(op.scales, ",")))
        .add("coordinates", text_of(op.coordinates))
        .add("nearest", text_of(op.nearest));
    if (op.coordinates == CoordinateMode::tf_crop_and_resize) {
      words.add("roi", fmt::format("[{}]", fmt::join(op.roi, ",")))
          .add("extrapolation_value", op.extrapolation_value);
    }
    return words.text();
  }
  std::string operator()(const ReduceMean& op) const {
    return Words().add_list("axes", op.axes).flag("keep_dims", op.keep_dims).text();
  }
  std::string operator()(const QuantizeLinear& op) const {
    return Words().add("axis", op.axis).text();
  }
  std::string operator()(const DequantizeLinear& op) const {
    return Words().add("axis", op.axis).text();
  }
  std::string operator()(const Cast& op) const { return Words().add("to", name_of(op.to)).text(); }
  std::string operator()(const Gather& op) const { return Words().add("axis", op.axis).text(); }
  std::string operator()(const ShapeOf& op) const {
    Words words;
    if (op.start != 0) words.add("start", op.start);
    if (op.end) words.add("end", *op.end);
    return words.text();
  }
  std::string operator()(const DepthToSpace& op) const {
    return Words().add("block", op.block).flag("column_row_depth", op.column_row_depth).text();
  }
  template <class Op>
  std::string operator()(const Op&) const {
    return "";
  }

 private:
  static Words grouped(const Window& window, std::int64_t group) {
    Words words = window_words(window);
    if (group != 1) words.add("group", group);
    return words;
  }
};

/// FNV-1a over 8-byte words: tells constants apart in dumps, nothing more.
std::uint64_t hash(std::span<const std::byte> bytes) {
  std::uint64_t result = 0xcbf29ce484222325U;
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    result = (result ^ word) * 0x100000001b3U;
  }
  return result;
}

template <class T>
std::string list(const Tensor& tensor) {
  std::vector<std::string> words;
  for (T value : tensor.data<T>()) words.push_back(fmt::format("{}", value));
  return fmt::format("[{}]", fmt::join(words, ","));
}

std::string contents(const Tensor& tensor) {
  constexpr std::int64_t kInline = 8;
  if (tensor.size() > kInline) return fmt::format("#{:016x}", hash(tensor.raw()));
  switch (tensor.dtype()) {
    case DType::f32:
      return list<float>(tensor);
    case DType::i8:
      return list<std::int8_t>(tensor);
    case DType::u8:
      return list<std::uint8_t>(tensor);
    case DType::i16:
      return list<std::int16_t>(tensor);
    case DType::u16:
      return list<std::uint16_t>(tensor);
    case DType::i32:
      return list<std::int32_t>(tensor);
    case DType::u32:
      return list<std::uint32_t>(tensor);
    case DType::i64:
      return list<std::int64_t>(tensor);
    case DType::boolean:
      return list<bool>(tensor);
  }
  broken("unknown element type");
}

std::string typed(const Value& value) {
  return fmt::format("%{}:{}[{}]", value.name, name_of(value.dtype), to_string(value.shape));
}

std::string reference(const Graph& graph, ValueId id) {
  return id == kNoValue ? "_" : "%" + graph.value(id).name;
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text = fmt::format("graph '{}'{}\n", graph.name, graph.synthetic ? " synthetic" : "");
  auto out = std::back_inserter(text);
  for (ValueId id : graph.inputs) fmt::format_to(out, "input {}\n", typed(graph.value(id)));
  for (const Value& value : graph.values) {
    if (value.constant)
      fmt::format_to(out, "const {} = {}\n", typed(value), contents(*value.constant));
  }
  for (const Node& node : graph.nodes) {
    std::vector<std::string> outputs, inputs;
    for (ValueId id : node.outputs) {
      outputs.push_back(id == kNoValue ? "_" : typed(graph.value(id)));
    }
    for (ValueId id : node.inputs) inputs.push_back(reference(graph, id));
    fmt::format_to(out, "{} = {}({})", fmt::join(outputs, ", "), name_of(node.op),
                   fmt::join(inputs, ", "));
    const std::string attributes = std::visit(AttributesOf{}, node.op);
    if (!attributes.empty()) fmt::format_to(out, " {{{}}}", attributes);
    text += '\n';
  }
  for (ValueId id : graph.outputs) fmt::format_to(out, "output {}\n", reference(graph, id));
  return text;
}

}  // namespace syncopate::ir
