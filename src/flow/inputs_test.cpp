#include "flow/inputs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "data/image.h"
#include "data/npy.h"

namespace syncopate::flow {
namespace {

namespace fs = std::filesystem;
using data::npy_bytes;
using data::Picture;
using data::png_bytes;
using data::procedural_picture;

ir::Graph graph_with_input(Shape shape) {
  ir::Graph graph;
  graph.source = "net.onnx";
  graph.inputs = {graph.add_value({"input", DType::f32, std::move(shape), std::nullopt})};
  return graph;
}

/// A folder of its own, removed afterwards.
class InputsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() / (std::string("syncopate_inputs_") +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& contents) {
    const std::string path = folder_ / name;
    base::write_file_atomically(path, contents);
    return path;
  }
  std::string error_of(const ir::Graph& graph, const InputOptions& options) {
    try {
      const Inputs inputs(graph, options);
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs.load(i);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path folder_;
};

TEST_F(InputsTest, ProceduralByDefaultAndSaysSo) {
  const ir::Graph graph = graph_with_input({1, 3, 8, 8});
  const Inputs inputs(graph, {});
  EXPECT_TRUE(inputs.procedural());
  EXPECT_NE(inputs.description().find("procedural"), std::string::npos);
  EXPECT_TRUE(inputs.load(0)[0] == Inputs(graph, {}).load(0)[0]);
}

TEST_F(InputsTest, NormalizesAsAsked) {
  Picture picture{2, 2, 3, {}};
  picture.pixels = {10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30};
  InputOptions options;
  options.paths = {write("p.png", png_bytes(picture))};
  options.scale = 1;
  options.mean = {{1, 2, 3}};
  options.deviation = {{2}};
  options.preset = "raw";
  options.bgr = true;
  const Tensor tensor = Inputs(graph_with_input({1, 3, 2, 2}), options).load(0)[0];
  EXPECT_FLOAT_EQ(tensor.data<float>()[0], (30 - 1) / 2.0F);
  EXPECT_FLOAT_EQ(tensor.data<float>()[4], (20 - 2) / 2.0F);
  EXPECT_FLOAT_EQ(tensor.data<float>()[8], (10 - 3) / 2.0F);
}

TEST_F(InputsTest, SplitsArraysAlongTheFirstAxis) {
  std::vector<float> values(3 * 4);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  InputOptions options;
  options.paths = {write("a.npy", npy_bytes(Tensor::from<float>({3, 1, 2, 2}, values)))};
  const ir::Graph graph = graph_with_input({1, 1, 2, 2});
  const Inputs inputs(graph, options);
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_EQ(inputs.name(1), "a.npy[1]");
  EXPECT_EQ(inputs.load(2)[0].data<float>()[0], 8);
  options.limit = 2;
  EXPECT_EQ(Inputs(graph, options).size(), 2U);
}

TEST_F(InputsTest, FoldersAreReadInOrder) {
  write("b.png", png_bytes(procedural_picture(4, 4, 0)));
  write("a.jpg", png_bytes(procedural_picture(8, 8, 0)));
  write("notes.txt", "not a picture");
  InputOptions options;
  options.paths = {folder_.string()};
  const Inputs inputs(graph_with_input({1, 3, 4, 4}), options);
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs.name(0), "a.jpg");
}

TEST_F(InputsTest, RefusesWithTheReason) {
  const ir::Graph graph = graph_with_input({1, 3, 4, 4});
  InputOptions options;
  options.paths = {"/nonexistent/x.png"};
  EXPECT_EQ(error_of(graph, options), "--input /nonexistent/x.png: no such file or folder");
  options.paths = {folder_.string()};
  EXPECT_EQ(error_of(graph, options),
            "--input " + folder_.string() + ": the folder holds no .png, .jpg or .npy file");
  options.paths = {write("a.npy", npy_bytes(Tensor(DType::f32, {2, 5})))};
  EXPECT_EQ(
      error_of(graph, options),
      "--input " + options.paths[0] +
          ": the array is 2x5, the input input takes 1x3x4x4 (or several along the first axis)");
  options.paths = {
      write("n.npy", npy_bytes(Tensor::from<float>({1, 3, 4, 4}, std::vector<float>(48, NAN))))};
  EXPECT_EQ(error_of(graph, options), options.paths[0] + ": holds NaN or infinite values");
  options.paths = {write("t.png", "text")};
  EXPECT_EQ(error_of(graph, options), options.paths[0] + ": neither a PNG nor a JPEG picture");
  options.paths = {};
  options.preset = "nonsense";
  EXPECT_EQ(error_of(graph, options),
            "unknown normalization 'nonsense' (known: auto, imagenet, caffe, signed, unit, raw)");
  options.preset = "auto";
  options.mean = {{1, 2}};
  EXPECT_EQ(error_of(graph, options), "--mean and --std: expected 1 or 3 values, got 2");
}

TEST_F(InputsTest, FeedsSeveralInputsByName) {
  ir::Graph graph = graph_with_input({1, 1, 2, 2});
  graph.inputs.push_back(graph.add_value({"other", DType::f32, {2}, std::nullopt}));
  InputOptions options;
  options.paths = {"other=" + write("o.npy", npy_bytes(Tensor::from<float>({2}, {5, 6})))};
  const std::vector<Tensor> tensors = Inputs(graph, options).load(0);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[1].data<float>()[1], 6);
  options.paths = {"othr=x.npy"};
  EXPECT_EQ(error_of(graph, options),
            "--input othr=x.npy: the network has no input 'othr' (it has: input, other)");
}

}  // namespace
}  // namespace syncopate::flow
