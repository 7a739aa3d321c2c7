#include "onnx/import.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/random.h"

namespace syncopate::onnx {
namespace {

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
ModelText one_node(const std::string& op, const Shape& shape = {1, 2, 4, 4},
                   std::int64_t opset = 13) {
  ModelText text(opset);
  text.input("x", shape).node(op, {"x"}, {"y"}).output("y");
  return text;
}

ir::Graph import_text(const ModelText& text, const ImportOptions& options = {}) {
  const std::string bytes = text.bytes();
  ir::Graph graph = import_bytes(std::as_bytes(std::span(bytes)), "net.onnx", options);
  ir::verify(graph);
  return graph;
}

std::string error_of(const std::string& bytes, const ImportOptions& options = {}) {
  try {
    import_bytes(std::as_bytes(std::span(bytes)), "net.onnx", options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}
std::string error_of(const ModelText& text, const ImportOptions& options = {}) {
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

TEST(Import, ReadsANetwork) {
  ModelText text;
  text.input("x", {1, 2, 4, 4}).floats("w", {3, 2, 1, 1}, {1, 2, 3, 4, 5, 6});
  text.node("Conv", {"x", "w"}, {"c"}, "conv").node("Relu", {"c"}, {"y"}, "relu").output("y");
  EXPECT_EQ(ir::to_text(import_text(text)),
            "graph 'test'\n"
            "input %x:f32[1x2x4x4]\n"
            "const %w:f32[3x2x1x1] = [1,2,3,4,5,6]\n"
            "%c:f32[1x3x4x4] = Conv(%x, %w) {kernel=1x1}\n"
            "%y:f32[1x3x4x4] = Relu(%c)\n"
            "output %y\n");
}

TEST(Import, ReadsEveryEncodingOfWeights) {
  const auto contents = [](auto fill, int type) {
    ModelText text;
    fill(text.initializer("k", {2}, type));
    text.input("x", {2}).node("Add", {"x", "k"}, {"y"}).output("y");
    const ir::Graph graph = import_text(text);
    const auto data = graph.value(graph.find("k")).constant->data<float>();
    return std::vector<float>(data.begin(), data.end());
  };
  const std::vector<float> expected{1.5F, -2};
  const auto raw = [](auto... values) {
    return [=](pb::TensorProto& tensor) {
      std::string bytes;
      (bytes.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
      tensor.set_raw_data(bytes);
    };
  };
  EXPECT_EQ(contents(raw(1.5F, -2.0F), pb::TensorProto::FLOAT), expected);
  EXPECT_EQ(contents(raw(1.5, -2.0), pb::TensorProto::DOUBLE), expected);
  EXPECT_EQ(contents(raw(std::uint16_t{0x3e00}, std::uint16_t{0xc000}), pb::TensorProto::FLOAT16),
            expected);
  EXPECT_EQ(contents(raw(std::uint16_t{0x3fc0}, std::uint16_t{0xc000}), pb::TensorProto::BFLOAT16),
            expected);
  EXPECT_EQ(contents(
                [](pb::TensorProto& tensor) {
                  tensor.add_double_data(1.5);
                  tensor.add_double_data(-2);
                },
                pb::TensorProto::DOUBLE),
            expected);
  EXPECT_EQ(contents(
                [](pb::TensorProto& tensor) {
                  tensor.add_int32_data(0x3e00);
                  tensor.add_int32_data(0xc000);
                },
                pb::TensorProto::FLOAT16),
            expected);
}

TEST(Import, HalvesWidenExactly) {
  ModelText text;
  auto& tensor = text.initializer("k", {4}, pb::TensorProto::FLOAT16);
  for (int bits : {0x0001, 0x03ff, 0x8400, 0x7bff}) tensor.add_int32_data(bits);
  text.input("x", {4}).node("Add", {"x", "k"}, {"y"}).output("y");
  const ir::Graph graph = import_text(text);
  EXPECT_EQ(*graph.value(graph.find("k")).constant,
            Tensor::from<float>({4}, {0x1p-24F, 0x1.ff8p-15F, -0x1p-14F, 65504}));
}

TEST(Import, ReadsLargeWeightsFromTheFile) {
  std::vector<float> values(5000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::string raw(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  ModelText text;
  text.floats("packed", {5000}, values);
  text.initializer("raw", {5000}).set_raw_data(raw);
  text.node("Constant", {}, {"attribute"}, "k");
  auto& attribute = *text.graph().mutable_node(0)->add_attribute();
  attribute.set_name("value");
  attribute.set_type(pb::AttributeProto::TENSOR);
  attribute.mutable_t()->set_data_type(pb::TensorProto::FLOAT);
  attribute.mutable_t()->add_dims(5000);
  attribute.mutable_t()->set_raw_data(raw);
  text.input("x", {5000}).node("Sum", {"x", "packed", "raw", "attribute"}, {"y"}).output("y");

  const Folder folder;
  const ir::Graph graph = import_file(folder.write("big.onnx", text.bytes()));
  for (const char* name : {"packed", "raw", "attribute"}) {
    EXPECT_EQ(*graph.value(graph.find(name)).constant, Tensor::from<float>({5000}, values)) << name;
  }
}

TEST(Import, ReadsExternalData) {
  const Folder folder;
  const float values[] = {7, 1, 2};
  folder.write("weights.bin", std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  ModelText text;
  auto& tensor = text.initializer("k", {2});
  tensor.set_data_location(pb::TensorProto::EXTERNAL);
  const auto entry = [&](const std::string& key, const std::string& value) {
    auto& made = *tensor.add_external_data();
    made.set_key(key);
    made.set_value(value);
  };
  entry("location", "weights.bin");
  entry("offset", "4");
  entry("length", "8");
  text.input("x", {2}).node("Add", {"x", "k"}, {"y"}).output("y");
  const std::string path = folder.write("net.onnx", text.bytes());
  const ir::Graph graph = import_file(path);
  EXPECT_EQ(*graph.value(graph.find("k")).constant, Tensor::from<float>({2}, {1, 2}));

  const auto with_location = [&](const std::string& location) {
    tensor.mutable_external_data(0)->set_value(location);
    folder.write("net.onnx", text.bytes());
    try {
      import_file(path);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string start = path + ": initializer 'k': external data ";
  EXPECT_EQ(with_location("../weights.bin"),
            start + "'../weights.bin' must lie in the model's own directory");
  EXPECT_EQ(with_location("/etc/hostname"),
            start + "'/etc/hostname' must lie in the model's own directory");
  std::filesystem::create_symlink("/etc/hostname", folder.path() / "link");
  EXPECT_EQ(with_location("link"), start + "'link' must lie in the model's own directory");
  tensor.mutable_external_data(1)->set_value("8");
  EXPECT_EQ(with_location("weights.bin"),
            start + "'weights.bin' has 12 bytes, but 8 at 8 are asked for");
  EXPECT_EQ(error_of(text),
            "net.onnx: initializer 'k': its external data can be read only when "
            "the model is a file");
}

TEST(Import, ResolvesIdentitiesAndFoldsShapes) {
  ModelText text;
  text.input("x", {2, 3, 4}).floats("shared", {1}, {2}).ints("minus", {-1}).ints("zero", {0});
  text.node("Identity", {"shared"}, {"copy"}, "id").node("Mul", {"x", "copy"}, {"m"}, "mul");
  text.node("Shape", {"x"}, {"s"}, "shape").node("Gather", {"s", "zero"}, {"n"}, "gather");
  text.node("Concat", {"n", "minus"}, {"target"}, "concat").attribute("axis", 0);
  text.node("Dropout", {"m"}, {"d"}, "drop");
  text.node("Reshape", {"d", "target"}, {"y"}, "reshape").output("y");
  EXPECT_EQ(ir::to_text(import_text(text)),
            "graph 'test'\n"
            "input %x:f32[2x3x4]\n"
            "const %shared:f32[1] = [2]\n"
            "%m:f32[2x3x4] = Mul(%x, %shared)\n"
            "%y:f32[2x12] = Reshape(%m) {shape=[2,-1]}\n"
            "output %y\n");
}

TEST(Import, KeepsOutputNames) {
  ModelText text;
  text.input("x", {2}).node("Relu", {"x"}, {"r"}, "relu").node("Identity", {"r"}, {"y"}, "id");
  text.node("Identity", {"x"}, {"z"}, "pass").output("y").output("z");
  const ir::Graph graph = import_text(text);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
  EXPECT_EQ(graph.value(graph.outputs[1]).name, "z");
  EXPECT_EQ(graph.nodes.size(), 2U);
}

TEST(Import, SymbolicExtents) {
  ModelText text = one_node("Relu", {1, 3, 8, 8});
  text.symbol(0, "N").symbol(2, "height");
  EXPECT_EQ(error_of(text),
            "net.onnx: input 'x' has the symbolic extent 'height' in dimension 2; "
            "give it a value (--dim height=224)");
  ImportOptions options;
  options.dims["height"] = 5;
  EXPECT_EQ(import_text(text, options).value(0).shape, (Shape{1, 3, 5, 8}));
  options.dims["N"] = 4;
  EXPECT_EQ(import_text(text, options).value(0).shape, (Shape{4, 3, 5, 8}));
  options.shapes["x"] = {2, 1, 1, 1};
  EXPECT_EQ(import_text(text, options).value(0).shape, (Shape{2, 1, 1, 1}));
  text.symbol(3, "");
  EXPECT_EQ(error_of(text, {1, {{"height", 2}}, {}, {}, 0}),
            "net.onnx: input 'x' has no extent in dimension 3; give its whole shape (--shape "
            "x=1x3x224x224)");
  text.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_EQ(error_of(text),
            "net.onnx: input 'x' has no shape in the file; give its whole shape "
            "(--shape x=1x3x224x224)");
}

TEST(Import, AutomaticPadding) {
  const auto pads = [](const std::string& mode) {
    ModelText text = one_node("MaxPool", {1, 1, 5, 4});
    text.list("kernel_shape", {3, 3}).list("strides", {2, 2}).attribute("auto_pad", mode);
    const ir::Window window = std::get<ir::Pool>(import_text(text).nodes[0].op).window;
    return std::pair(window.pads_begin, window.pads_end);
  };
  using Pads = std::pair<ir::Ints, ir::Ints>;
  EXPECT_EQ(pads("SAME_UPPER"), (Pads{{1, 0}, {1, 1}}));
  EXPECT_EQ(pads("SAME_LOWER"), (Pads{{1, 1}, {1, 0}}));
  EXPECT_EQ(pads("VALID"), (Pads{{0, 0}, {0, 0}}));
}

TEST(Import, SoftmaxOfBothDefinitions) {
  EXPECT_EQ(std::get<ir::Softmax>(import_text(one_node("Softmax", {2, 3, 4}, 12)).nodes[0].op),
            (ir::Softmax{1, true}));
  EXPECT_EQ(std::get<ir::Softmax>(import_text(one_node("Softmax", {2, 3}, 12)).nodes[0].op),
            (ir::Softmax{1, false}));
  EXPECT_EQ(std::get<ir::Softmax>(import_text(one_node("Softmax", {2, 3, 4}, 13)).nodes[0].op),
            (ir::Softmax{2, false}));
}

TEST(ImportErrors, UnsupportedOperatorsAreNamed) {
  const std::string error = error_of(one_node("LSTM"));
  EXPECT_TRUE(
      error.starts_with("net.onnx: node 'n' (LSTM): operator LSTM is not supported "
                        "(supported: Add, AveragePool, BatchNormalization, "))
      << error;
  ModelText foreign = one_node("Relu");
  foreign.graph().mutable_node(0)->set_domain("com.example");
  EXPECT_EQ(error_of(foreign),
            "net.onnx: node 'n' (Relu): operators of the domain 'com.example' are not supported");
}

TEST(ImportErrors, AttributesAreNotIgnored) {
  EXPECT_EQ(error_of(one_node("Relu").attribute("slope", 1)),
            "net.onnx: node 'n' (Relu): attribute 'slope' is not supported in opset 13");
  EXPECT_EQ(error_of(one_node("Flatten").attribute("axis", "one")),
            "net.onnx: node 'n' (Flatten): attribute 'axis' should be an integer");
  EXPECT_EQ(error_of(one_node("Flatten").attribute("axis", 1).attribute("axis", 2)),
            "net.onnx: node 'n' (Flatten): attribute 'axis' is given twice");
  EXPECT_EQ(error_of(one_node("MaxPool")),
            "net.onnx: node 'n' (MaxPool): attribute 'kernel_shape' is missing");
}

TEST(ImportErrors, Versions) {
  EXPECT_EQ(error_of(one_node("Relu", {1}, 19)),
            "net.onnx: opset 19 is not supported (7 to 18 are, and older ones as far as their "
            "operators kept their meaning)");
  ModelText text = one_node("Relu");
  text.model.set_ir_version(10);
  EXPECT_EQ(error_of(text), "net.onnx: ONNX IR version 10 is not supported (3 to 9 are)");
  text.model.clear_graph();
  EXPECT_EQ(error_of(text), "net.onnx: it holds no network");
}

TEST(ImportErrors, Graphs) {
  ModelText cyclic;
  cyclic.input("x", {2})
      .node("Add", {"x", "b"}, {"a"}, "first")
      .node("Relu", {"a"}, {"b"}, "second");
  cyclic.output("b");
  EXPECT_EQ(error_of(cyclic),
            "net.onnx: node 'first' (Add): input 'b' is not produced by anything "
            "before the node");
  ModelText twice;
  twice.input("x", {2}).node("Relu", {"x"}, {"a"}).node("Tanh", {"x"}, {"a"}, "m").output("a");
  EXPECT_EQ(error_of(twice), "net.onnx: node 'm' (Tanh): the name 'a' is given twice");
  ModelText weights = one_node("Relu");
  weights.floats("w", {1}, {1}).floats("w", {1}, {1});
  EXPECT_EQ(error_of(weights), "net.onnx: the name 'w' is given twice");
  EXPECT_EQ(error_of(one_node("Relu").output("z")),
            "net.onnx: output 'z' is not produced by any node");
  EXPECT_EQ(error_of(one_node("Relu").input("x", {3})), "net.onnx: input 'x' is listed twice");
  ModelText none;
  none.input("x", {2});
  EXPECT_EQ(error_of(none), "net.onnx: the network has no outputs");
  ModelText type = ModelText().input("x", {2}, pb::TensorProto::STRING).output("x");
  EXPECT_EQ(error_of(type),
            "net.onnx: input 'x': element type string is not supported (float, double, float16, "
            "bfloat16, bool and integers up to int64 are)");
}

TEST(ImportErrors, Weights) {
  const auto with = [](auto fill) {
    ModelText text;
    text.input("x", {2}).node("Add", {"x", "k"}, {"y"}).output("y");
    fill(text);
    return error_of(text);
  };
  EXPECT_EQ(
      with([](ModelText& t) { t.floats("k", {2}, {1, std::numeric_limits<float>::quiet_NaN()}); }),
      "net.onnx: initializer 'k': element 1 is NaN");
  EXPECT_EQ(
      with([](ModelText& t) { t.floats("k", {2}, {-std::numeric_limits<float>::infinity(), 1}); }),
      "net.onnx: initializer 'k': element 0 is infinite");
  EXPECT_EQ(with([](ModelText& t) { t.floats("k", {3}, {1, 2}); }),
            "net.onnx: initializer 'k': float_data holds 2 elements, but float[3] needs 3");
  EXPECT_EQ(with([](ModelText& t) { t.initializer("k", {2}).set_raw_data("12345"); }),
            "net.onnx: initializer 'k': raw data holds 5 bytes, but float[2] needs 8");
  EXPECT_EQ(with([](ModelText& t) { t.initializer("k", {1 << 30, 1 << 30}).set_raw_data("1"); }),
            "net.onnx: initializer 'k': shape 1073741824x1073741824 has over 2^40 elements");
  EXPECT_EQ(with([](ModelText& t) { t.initializer("k", {-2}).set_raw_data("1"); }),
            "net.onnx: initializer 'k': shape -2 has a negative extent");
  EXPECT_EQ(with([](ModelText& t) {
              t.initializer("k", {1 << 20, 1 << 19}).set_raw_data(std::string(4096, 'a'));
            }),
            "net.onnx: initializer 'k': raw data holds 4096 bytes, but float[1048576x524288] needs "
            "2199023255552");
  EXPECT_EQ(with([](ModelText& t) {
              t.initializer("k", {1}, pb::TensorProto::INT8).add_int32_data(128);
            }),
            "net.onnx: initializer 'k': int32_data holds 128, which does not fit int8");
}

TEST(ImportErrors, NodesNameTheirInputs) {
  ModelText text;
  text.input("x", {2, 3}).input("to", {2}, pb::TensorProto::INT64);
  text.node("Reshape", {"x", "to"}, {"y"}, "shape").output("y");
  EXPECT_EQ(error_of(text),
            "net.onnx: node 'shape' (Reshape): the shape ('to') must be a constant, because shapes "
            "and parameters are fixed before a network runs");
  ImportOptions options;
  options.constants.emplace("to", Tensor::from<std::int64_t>({2}, {3, 2}));
  EXPECT_EQ(import_text(text, options).inputs.size(), 1U);

  ModelText conv;
  conv.input("x", {1, 2, 4, 4}).floats("w", {1, 1, 1, 1}, {1});
  conv.node("Conv", {"x", "w"}, {"y"}, "c").output("y");
  EXPECT_EQ(error_of(conv),
            "net.onnx: node 'c' (Conv): weights of 1x1x1x1 take 1 input channels per group, but "
            "the input 1x2x4x4 has 2 in 1 group(s)");
}

TEST(ImportErrors, ConstantsKeepToTheirBudget) {
  ModelText text;
  text.ints("s", {1 << 20, 1 << 19}).node("ConstantOfShape", {"s"}, {"y"}, "big").output("y");
  EXPECT_EQ(error_of(text),
            "net.onnx: node 'big' (ConstantOfShape): the constant 'y' of 1048576x524288 needs "
            "2199023255552 bytes, more than the 2147483648 left for folded constants");
}

TEST(ImportErrors, Files) {
  const auto error = [](const std::string& path) {
    try {
      import_file(path);
    } catch (const InputError& caught) {
      return std::string(caught.what());
    }
    return std::string("no error");
  };
  const Folder folder;
  EXPECT_EQ(error("/nowhere/net.onnx"),
            "/nowhere/net.onnx: cannot open: No such file or directory");
  EXPECT_EQ(error(folder.path().string()), folder.path().string() + ": not a regular file");
  const std::string empty = folder.write("empty.onnx", "");
  EXPECT_EQ(error(empty), empty + ": not an ONNX file, or truncated");
  const std::string text = folder.write("text.onnx", "hello, world\n");
  EXPECT_EQ(error(text), text + ": not an ONNX file, or truncated (at byte 3 of 13)");
}

/// No prefix and no corrupted byte of a model may do anything but import or give one line that
/// starts with the file's name.
TEST(ImportErrors, DamagedFilesGiveOneLine) {
  ModelText text;
  text.input("x", {1, 2, 4, 4}).floats("w", {3, 2, 1, 1}, {1, 2, 3, 4, 5, 6}).ints("s", {1, -1});
  text.initializer("big", {300}).set_raw_data(std::string(1200, 'a'));
  text.node("Conv", {"x", "w"}, {"c"}, "conv").list("pads", {1, 1, 1, 1});
  text.node("Reshape", {"c", "s"}, {"y"}, "reshape").output("y").output("big");
  const std::string bytes = text.bytes();
  const auto check = [](const std::string& damaged) {
    const std::string error = error_of(damaged);
    if (error == "no error") return false;
    EXPECT_TRUE(error.starts_with("net.onnx: ")) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    return true;
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(check(bytes.substr(0, size))) << size;
  }
  Random random(7);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    for (std::int64_t k = random.integer(1, 4); k > 0; --k) {
      const auto at = static_cast<std::size_t>(
          random.integer(0, static_cast<std::int64_t>(damaged.size()) - 1));
      damaged[at] = static_cast<char>(random.integer(0, 255));
    }
    refused += check(damaged) ? 1 : 0;
  }
  EXPECT_GT(refused, 300);
}

TEST(ReadTensor, KeepsNameTypeAndSpecialValues) {
  pb::TensorProto tensor;
  tensor.set_name("t");
  tensor.set_data_type(pb::TensorProto::FLOAT);
  tensor.add_dims(1);
  tensor.add_float_data(std::numeric_limits<float>::quiet_NaN());
  const Folder folder;
  const NamedTensor read = read_tensor_file(folder.write("t.pb", tensor.SerializeAsString()));
  EXPECT_EQ(read.name, "t");
  EXPECT_TRUE(std::isnan(read.tensor.data<float>()[0]));
}

}  // namespace
}  // namespace syncopate::onnx
