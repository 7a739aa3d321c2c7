#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "onnx/import.h"
#include "onnx/model_text.h"

namespace syncopate::onnx {
namespace {

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

}  // namespace
}  // namespace syncopate::onnx
