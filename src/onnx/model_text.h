#pragma once

#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "onnx/import.h"

// How the tests of this folder write ONNX models.

namespace syncopate::onnx {

namespace pb = ::onnx;

/// A model as a test writes it: opset 13 unless told otherwise, input "x" f32[1x2x4x4].
class ModelText {
 public:
  explicit ModelText(std::int64_t opset = 13) {
    model.set_ir_version(7);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("test");
  }
  ModelText& input(const std::string& name, const Shape& shape, int type = pb::TensorProto::FLOAT) {
    auto& info = *graph().add_input();
    info.set_name(name);
    info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    auto& dims = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
    for (std::int64_t extent : shape) dims.add_dim()->set_dim_value(extent);
    return *this;
  }
  /// Gives a dimension of the last input a symbol instead of an extent; "" leaves it out entirely.
  ModelText& symbol(int dim, const std::string& name) {
    auto& shape = *graph().mutable_input(graph().input_size() - 1)->mutable_type();
    auto& d = *shape.mutable_tensor_type()->mutable_shape()->mutable_dim(dim);
    d.Clear();
    if (!name.empty()) d.set_dim_param(name);
    return *this;
  }
  ModelText& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  pb::TensorProto& initializer(const std::string& name, const Shape& dims,
                               int type = pb::TensorProto::FLOAT) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (std::int64_t extent : dims) tensor.add_dims(extent);
    return tensor;
  }
  ModelText& floats(const std::string& name, const Shape& dims, const std::vector<float>& values) {
    auto& tensor = initializer(name, dims);
    for (float value : values) tensor.add_float_data(value);
    return *this;
  }
  ModelText& ints(const std::string& name, const std::vector<std::int64_t>& values) {
    auto& tensor =
        initializer(name, {static_cast<std::int64_t>(values.size())}, pb::TensorProto::INT64);
    for (std::int64_t value : values) tensor.add_int64_data(value);
    return *this;
  }
  ModelText& node(const std::string& op, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, const std::string& name = "n") {
    auto& made = *graph().add_node();
    made.set_op_type(op);
    made.set_name(name);
    for (const std::string& input_name : inputs) made.add_input(input_name);
    for (const std::string& output_name : outputs) made.add_output(output_name);
    return *this;
  }
  ModelText& attribute(const std::string& name, std::int64_t value) {
    auto& made = add_attribute(name, pb::AttributeProto::INT);
    made.set_i(value);
    return *this;
  }
  ModelText& list(const std::string& name, const std::vector<std::int64_t>& values) {
    auto& made = add_attribute(name, pb::AttributeProto::INTS);
    for (std::int64_t value : values) made.add_ints(value);
    return *this;
  }
  ModelText& attribute(const std::string& name, const std::string& value) {
    add_attribute(name, pb::AttributeProto::STRING).set_s(value);
    return *this;
  }

  pb::GraphProto& graph() { return *model.mutable_graph(); }
  std::string bytes() const { return model.SerializeAsString(); }

  pb::ModelProto model;

 private:
  pb::AttributeProto& add_attribute(const std::string& name, pb::AttributeProto::AttributeType t) {
    auto& made = *graph().mutable_node(graph().node_size() - 1)->add_attribute();
    made.set_name(name);
    made.set_type(t);
    return made;
  }
};

/// One node from "x" to "y".
inline ModelText one_node(const std::string& op, const Shape& shape = {1, 2, 4, 4},
                          std::int64_t opset = 13) {
  ModelText text(opset);
  text.input("x", shape).node(op, {"x"}, {"y"}).output("y");
  return text;
}

inline ir::Graph import_text(const ModelText& text, const ImportOptions& options = {}) {
  const std::string bytes = text.bytes();
  ir::Graph graph = import_bytes(std::as_bytes(std::span(bytes)), "net.onnx", options);
  ir::verify(graph);
  return graph;
}

inline std::string error_of(const std::string& bytes, const ImportOptions& options = {}) {
  try {
    import_bytes(std::as_bytes(std::span(bytes)), "net.onnx", options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}
inline std::string error_of(const ModelText& text, const ImportOptions& options = {}) {
  return error_of(text.bytes(), options);
}

/// A folder that disappears with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "syncopate-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& contents) const {
    const std::string path = (path_ / name).string();
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace syncopate::onnx
