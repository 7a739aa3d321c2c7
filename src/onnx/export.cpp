#include "onnx/export.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "base/files.h"
#include "onnx/node_writer.h"

namespace syncopate::onnx {
namespace {

namespace pb = ::onnx;

/// Constants at least this long are written from where they lie.
constexpr std::size_t kLargeBytes = 1024;

// Field numbers of onnx.proto, for the messages that are written around large constants.
constexpr unsigned kModelGraph = 7;
constexpr unsigned kGraphInitializer = 5;
constexpr unsigned kTensorRaw = 9;

/// The start of a length-delimited protobuf field.
std::string field_header(unsigned field, std::size_t length) {
  std::string out(1, static_cast<char>(field << 3 | 2));
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  return out;
}

void describe(const ir::Value& value, const std::string& name, pb::ValueInfoProto& info) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx_type(value.dtype));
  type.mutable_shape();
  for (std::int64_t extent : value.shape) {
    type.mutable_shape()->add_dim()->set_dim_value(extent);
  }
}

/// A serialized model as the sequence of its pieces: text made here, and constants in place.
class ModelWriter {
 public:
  explicit ModelWriter(const ir::Graph& graph) : graph_(graph), names_(graph) {
    write_constants();
    write_graph();
  }

  std::vector<std::span<const std::byte>> parts() const {
    std::vector<std::span<const std::byte>> all{std::as_bytes(std::span(head_))};
    for (const Large& large : large_) {
      all.push_back(std::as_bytes(std::span(large.head)));
      all.push_back(large.data);
    }
    return all;
  }

 private:
  struct Large {
    std::string head;
    std::span<const std::byte> data;
  };

  void write_constants() {
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      const ir::Value& value = graph_.values[i];
      if (!value.constant) continue;
      const std::string name = stored_name(static_cast<ir::ValueId>(i));
      const bool large = value.constant->bytes() >= kLargeBytes;
      pb::TensorProto tensor;
      fill_tensor(*value.constant, name, !large, tensor);
      if (!large) {
        *proto_.add_initializer() = tensor;
        continue;
      }
      const std::string shape = tensor.SerializeAsString();
      const std::string raw = field_header(kTensorRaw, value.constant->bytes());
      const std::size_t length = shape.size() + raw.size() + value.constant->bytes();
      Large piece{field_header(kGraphInitializer, length) + shape + raw, value.constant->raw()};
      large_bytes_ += piece.head.size() + piece.data.size();
      large_.push_back(std::move(piece));
    }
  }

  void write_graph() {
    proto_.set_name(graph_.name.empty() ? "network" : graph_.name);
    int opset = 13;
    for (const ir::Node& node : graph_.nodes) {
      opset = std::max(opset, opset_of(graph_, node));
      write_node(graph_, node, names_, proto_);
    }
    for (ir::ValueId id : graph_.inputs)
      describe(graph_.value(id), names_[id], *proto_.add_input());
    for (ir::ValueId id : graph_.outputs) {
      describe(graph_.value(id), names_[id], *proto_.add_output());
    }
    pb::ModelProto model;
    model.set_ir_version(7);
    model.set_producer_name("syncopate");
    model.add_opset_import()->set_version(opset);
    const std::string graph = proto_.SerializeAsString();
    const std::size_t length = graph.size() + large_bytes_;
    head_ = model.SerializeAsString() + field_header(kModelGraph, length) + graph;
    if (length > std::numeric_limits<std::int32_t>::max() - head_.size()) {
      fail("network '{}' has {} bytes, more than the 2 GB of an ONNX file", graph_.name, length);
    }
  }

  /// The name a constant is stored under. An output must come from a node, so a constant one gets
  /// another name, and an Identity gives it its own.
  std::string stored_name(ir::ValueId id) {
    if (std::ranges::find(graph_.outputs, id) == graph_.outputs.end()) return names_[id];
    std::string stored = names_.fresh(names_[id]);
    pb::NodeProto& node = *proto_.add_node();
    node.set_op_type("Identity");
    node.add_input(stored);
    node.add_output(names_[id]);
    return stored;
  }

  const ir::Graph& graph_;
  ValueNames names_;
  pb::GraphProto proto_;
  std::vector<Large> large_;
  std::size_t large_bytes_ = 0;
  std::string head_;
};

}  // namespace

void export_file(const ir::Graph& graph, const std::string& path) {
  const ModelWriter writer(graph);
  base::write_parts_atomically(path, writer.parts());
}

std::string export_bytes(const ir::Graph& graph) {
  std::string bytes;
  const ModelWriter writer(graph);
  for (const auto part : writer.parts()) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  return bytes;
}

}  // namespace syncopate::onnx
