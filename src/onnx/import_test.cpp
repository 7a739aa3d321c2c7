#include "onnx/import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "onnx/model_text.h"

namespace syncopate::onnx {
namespace {

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
  EXPECT_EQ(error_of(text, {1, {{"heigth", 2}}, {}, {}, 0}),
            "net.onnx: input 'x' has the symbolic extent 'height' in dimension 2; give it a value "
            "(--dim height=224)");
  EXPECT_EQ(error_of(text, {1, {{"height", 2}, {"M", 2}}, {}, {}, 0}),
            "net.onnx: its inputs have no symbolic dimension 'M' (did you mean 'N'?)");
  EXPECT_EQ(error_of(text, {1, {}, {{"x", {1, 2}}, {"z", {1}}}, {}, 0}),
            "net.onnx: it has no input 'z'");
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
