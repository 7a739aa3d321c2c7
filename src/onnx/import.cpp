#include "onnx/import.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>

#include "base/params.h"
#include "onnx/slim.h"
#include "onnx/tensor_proto.h"
#include "onnx/translate.h"

namespace syncopate::onnx {
namespace {

namespace pb = ::onnx;

constexpr std::int64_t kOldestIr = 3, kNewestIr = 9;
constexpr std::int64_t kNewestOpset = 18;

/// One import: the parsed file, and the graph it becomes. Messages leave out the file's name, which
/// the caller adds.
class Importer {
 public:
  Importer(const pb::ModelProto& model, const Slimmed& slim, const TensorOrigin& origin,
           const ImportOptions& options)
      : model_(model),
        proto_(model.graph()),
        slim_(slim),
        origin_(origin),
        options_(options),
        builder_({options.fold_bytes}) {}

  ir::Graph run() {
    check_versions();
    builder_.graph.name = proto_.name();
    add_initializers();
    add_inputs();
    std::set<std::string> outputs;
    for (const auto& output : proto_.output()) outputs.insert(output.name());
    builder_.set_output_names(std::move(outputs));
    for (int i = 0; i < proto_.node_size(); ++i) add_node(i);
    add_outputs();
    ir::remove_dead(builder_.graph);
    return std::move(builder_.graph);
  }

 private:
  void check_versions() {
    if (!model_.has_graph()) fail("it holds no network");
    const std::int64_t ir = model_.ir_version();
    if (ir < kOldestIr || ir > kNewestIr) {
      fail("ONNX IR version {} is not supported ({} to {} are)", ir, kOldestIr, kNewestIr);
    }
    for (const auto& set : model_.opset_import()) {
      if (is_default(set.domain())) opset_ = set.version();
    }
    check_operators();
    if (opset_ < 1 || opset_ > kNewestOpset) {
      fail(
          "opset {} is not supported (7 to {} are, and older ones as far as their operators kept "
          "their meaning)",
          opset_, kNewestOpset);
    }
    if (proto_.sparse_initializer_size() > 0) {
      fail("sparse initializer '{}' is not supported (store the tensor densely)",
           proto_.sparse_initializer(0).values().name());
    }
  }

  static bool is_default(const std::string& domain) {
    return domain.empty() || domain == "ai.onnx";
  }

  /// Before anything else, so that a network with foreign operators is refused for those.
  void check_operators() const {
    for (const auto& node : proto_.node()) {
      const std::string where = fmt::format("node '{}' ({})", node.name(), node.op_type());
      if (!is_default(node.domain())) {
        fail("{}: operators of the domain '{}' are not supported", where, node.domain());
      }
      if (!translators().contains(node.op_type())) {
        fail("{}: operator {} is not supported (supported: {})", where, node.op_type(), known());
      }
    }
  }

  void add_initializers() {
    static const std::vector<Cut> kNone;
    for (int i = 0; i < proto_.initializer_size(); ++i) {
      const auto& tensor = proto_.initializer(i);
      const auto cuts = slim_.initializers.find(i);
      const std::string what = fmt::format("initializer '{}'", tensor.name());
      if (tensor.name().empty()) fail("initializer {} has no name", i);
      define_constant(tensor.name(),
                      read_tensor(tensor, cuts == slim_.initializers.end() ? kNone : cuts->second,
                                  origin_, what, Finite::required));
    }
  }

  void define_constant(const std::string& name, Tensor tensor) {
    const DType dtype = tensor.dtype();
    Shape shape = tensor.shape();
    builder_.define({name, dtype, std::move(shape), std::move(tensor)});
  }

  void add_inputs() {
    std::set<std::string> seen;
    for (const auto& input : proto_.input()) {
      if (!seen.insert(input.name()).second) fail("input '{}' is listed twice", input.name());
      // Old files list initializers as inputs too; their values are defaults, which we take.
      if (builder_.find(input.name()) != ir::kNoValue) continue;
      if (const auto fixed = options_.constants.find(input.name());
          fixed != options_.constants.end()) {
        define_constant(input.name(), fixed->second);
        continue;
      }
      if (!input.type().has_tensor_type()) fail("input '{}' is not a tensor", input.name());
      const auto& type = input.type().tensor_type();
      const DType dtype = element_type(type.elem_type(), fmt::format("input '{}'", input.name()));
      builder_.graph.inputs.push_back(
          builder_.define({input.name(), dtype, input_shape(input), {}}));
    }
    check_options(seen);
  }

  Shape input_shape(const pb::ValueInfoProto& input) {
    Shape shape;
    const auto& type = input.type().tensor_type();
    if (const auto given = options_.shapes.find(input.name()); given != options_.shapes.end()) {
      shape = given->second;
    } else if (!type.has_shape()) {
      fail("input '{}' has no shape in the file; give its whole shape (--shape {}=1x3x224x224)",
           input.name(), input.name());
    } else {
      for (int d = 0; d < type.shape().dim_size(); ++d) shape.push_back(extent(input, d));
    }
    try {
      element_count(shape);
    } catch (const InputError& error) {
      fail("input '{}': {}", input.name(), error.what());
    }
    return shape;
  }

  /// A misspelled name must not leave a default in place unnoticed.
  void check_options(const std::set<std::string>& inputs) const {
    const auto check_input = [&](const std::string& name) {
      if (!inputs.contains(name)) fail("it has no input '{}'", name);
    };
    for (const auto& [name, shape] : options_.shapes) check_input(name);
    for (const auto& [name, tensor] : options_.constants) check_input(name);
    std::vector<std::string> symbols;
    for (const auto& input : proto_.input()) {
      for (const auto& dim : input.type().tensor_type().shape().dim()) {
        if (!dim.dim_param().empty()) symbols.push_back(dim.dim_param());
      }
    }
    for (const auto& [name, extent_given] : options_.dims) {
      if (std::find(symbols.begin(), symbols.end(), name) != symbols.end()) continue;
      const std::string near = nearest(name, symbols);
      fail("its inputs have no symbolic dimension '{}'{}", name,
           near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
    }
  }

  std::int64_t extent(const pb::ValueInfoProto& input, int d) const {
    const auto& dim = input.type().tensor_type().shape().dim(d);
    const std::string& symbol = dim.dim_param();
    if (const auto given = options_.dims.find(symbol);
        !symbol.empty() && given != options_.dims.end()) {
      return given->second;
    }
    if (dim.has_dim_value() && dim.dim_value() >= 0) return dim.dim_value();
    if (d == 0) return options_.batch;
    if (symbol.empty()) {
      fail(
          "input '{}' has no extent in dimension {}; give its whole shape (--shape {}=1x3x224x224)",
          input.name(), d, input.name());
    }
    fail("input '{}' has the symbolic extent '{}' in dimension {}; give it a value (--dim {}=224)",
         input.name(), symbol, d, symbol);
  }

  void add_node(int index) {
    static const std::vector<Cut> kNone;
    const auto& proto = proto_.node(index);
    NodeContext node(builder_, proto, opset_, [&](int attribute, const std::string& what) {
      const auto cuts = slim_.attributes.find({index, attribute});
      return read_tensor(proto.attribute(attribute).t(),
                         cuts == slim_.attributes.end() ? kNone : cuts->second, origin_, what,
                         Finite::required);
    });
    translators().at(proto.op_type())(node);
    node.check_all_read();
  }

  static std::string known() {
    std::string names;
    for (const std::string& name : supported_operators()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    return names;
  }

  void add_outputs() {
    if (proto_.output_size() == 0) fail("the network has no outputs");
    std::set<std::string> seen;
    for (const auto& output : proto_.output()) {
      if (!seen.insert(output.name()).second) fail("output '{}' is listed twice", output.name());
      const ir::ValueId id = builder_.find(output.name());
      if (id == ir::kNoValue) fail("output '{}' is not produced by any node", output.name());
      builder_.graph.outputs.push_back(id);
    }
  }

  const pb::ModelProto& model_;
  const pb::GraphProto& proto_;
  const Slimmed& slim_;
  const TensorOrigin& origin_;
  const ImportOptions& options_;
  GraphBuilder builder_;
  std::int64_t opset_ = 0;
};

ir::Graph import_source(const ByteSource& source, const std::string& name,
                        const std::string& directory, const ImportOptions& options) {
  Slimmed slim = slim_model(source, name);
  pb::ModelProto model;
  if (slim.bytes.empty() ||
      !model.ParseFromArray(slim.bytes.data(), static_cast<int>(slim.bytes.size()))) {
    fail("{}: not an ONNX file, or truncated", name);
  }
  slim.bytes = std::string();
  const TensorOrigin origin{source, name, directory};
  try {
    ir::Graph graph = Importer(model, slim, origin, options).run();
    graph.source = name;
    return graph;
  } catch (const InputError& error) {
    const std::string message = error.what();
    const bool named = message.starts_with(name + ": ");
    throw InputError(named ? message : fmt::format("{}: {}", name, message));
  }
}

}  // namespace

const Translators& translators() {
  static const Translators table = [] {
    Translators all;
    add_layer_translators(all);
    add_value_translators(all);
    add_move_translators(all);
    return all;
  }();
  return table;
}

std::vector<std::string> supported_operators() {
  std::vector<std::string> names;
  for (const auto& [name, translate] : translators()) names.emplace_back(name);
  return names;
}

ir::Graph import_file(const std::string& path, const ImportOptions& options) {
  const auto source = open_file(path);
  const auto directory = std::filesystem::path(path).parent_path();
  return import_source(*source, path, directory.empty() ? "./" : directory.string(), options);
}

ir::Graph import_bytes(std::span<const std::byte> bytes, const std::string& name,
                       const ImportOptions& options) {
  return import_source(MemorySource(bytes), name, "", options);
}

NamedTensor read_tensor_file(const std::string& path) {
  const auto source = open_file(path);
  const Slimmed slim = slim_tensor(*source, path);
  pb::TensorProto proto;
  if (!proto.ParseFromArray(slim.bytes.data(), static_cast<int>(slim.bytes.size()))) {
    fail("{}: not a serialized tensor, or truncated", path);
  }
  const TensorOrigin origin{*source, path, ""};
  return {proto.name(),
          read_tensor(proto, slim.own, origin, fmt::format("tensor '{}'", proto.name()),
                      Finite::not_required)};
}

}  // namespace syncopate::onnx
