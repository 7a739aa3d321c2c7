// Float inference of trained networks against logits computed elsewhere. Needs the data sets and
// models under $SYNCOPATE_DATA; skipped without.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "data/dataset.h"
#include "data/image.h"
#include "data/npy.h"
#include "onnx/import.h"
#include "ref/float_net.h"

namespace syncopate {
namespace {

/// A model file and how its inputs are made: (pixel - mean) / deviation, per channel.
struct Golden {
  std::string folder, name;
  std::vector<double> mean, deviation;
  bool bgr = false;
  double tolerance = 1e-4;  ///< Of the largest logit.
};

const std::vector<double> kImagenetMean{0.485 * 255, 0.456 * 255, 0.406 * 255};
const std::vector<double> kImagenetDeviation{0.229 * 255, 0.224 * 255, 0.225 * 255};

std::vector<Golden> goldens() {
  std::vector<Golden> all;
  for (const char* depth : {"20", "32", "44", "56"}) {
    all.push_back(
        {"cifar10", fmt::format("resnet{}_cifar10", depth), kImagenetMean, kImagenetDeviation});
  }
  for (const char* kind : {"dense", "channel_pruned", "channel_regularized", "5layers_removed"}) {
    all.push_back({"cifar10", fmt::format("resnet20b_{}_cifar10", kind), {127.5}, {127.5}});
  }
  all.push_back({"cifar10", "resnet8_cifar10_mlperftiny", {0}, {1}});
  all.push_back({"cifar10", "resnet8_large_cifar10", {0}, {1}});
  // Quantized networks may differ by a step where sums of floats round differently.
  all.push_back({"cifar10", "resnet8_cifar10_mlperftiny_int8_qdq", {0}, {1}, false, 0.05});
  all.push_back({"cifar10", "cifar10_quick_caffe", {125.30692, 122.95039, 113.86539}, {1}});
  all.push_back({"mnist", "lenet5_mnist", {0}, {256}});
  all.push_back({"mnist", "mnist_cntk", {0}, {1}});
  for (const char* name : {"squeezenet_v1.0_deep_compression", "squeezenet_v1.1"}) {
    all.push_back({"imagenet", name, {104, 117, 123}, {1}, true});
  }
  for (const char* name : {"mobilenet_v1_1.00_224", "mobilenet_v1_0.50_160"}) {
    all.push_back({"imagenet", name, {128}, {128}});
  }
  all.push_back({"imagenet", "mobilenet_v2_1.00_224_ptq", {127.5}, {127.5}});
  all.push_back({"imagenet", "mobilenet_v1_0.25_128_uint8_qdq", {128}, {128}, false, 0.05});
  all.push_back({"imagenet", "mobilenet_v2_1.00_224_int8_qdq", {127.5}, {127.5}, false, 0.05});
  return all;
}

float normalized(const Golden& golden, std::size_t channel, double pixel) {
  const auto pick = [&](const std::vector<double>& v) { return v[v.size() == 1 ? 0 : channel]; };
  return static_cast<float>((pixel - pick(golden.mean)) / pick(golden.deviation));
}

/// One picture of a data set, [1, C, H, W].
Tensor from_data_set(const Golden& golden, const data::DataSet& data, std::int64_t index) {
  Tensor x(DType::f32, {1, data.channels, data.height, data.width});
  const auto values = x.mutable_data<float>();
  const auto size = static_cast<std::size_t>(data.picture_size());
  const std::size_t plane = size / static_cast<std::size_t>(data.channels);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] =
        normalized(golden, i / plane, data.pixels[static_cast<std::size_t>(index) * size + i]);
  }
  return x;
}

/// The center of a picture, [1, 3, size, size].
Tensor from_picture(const Golden& golden, const data::Picture& picture, std::int64_t size) {
  Tensor x(DType::f32, {1, 3, size, size});
  const auto values = x.mutable_data<float>();
  const std::int64_t top = (picture.height - size) / 2, left = (picture.width - size) / 2;
  std::size_t i = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const auto from = static_cast<std::int64_t>(golden.bgr ? 2 - c : c);
    for (std::int64_t r = 0; r < size; ++r) {
      for (std::int64_t k = 0; k < size; ++k) {
        values[i++] = normalized(golden, c, picture.at(top + r, left + k, from));
      }
    }
  }
  return x;
}

std::vector<Tensor> inputs_of(const Golden& golden, const std::string& root, const Shape& shape) {
  std::vector<Tensor> inputs;
  if (golden.folder != "imagenet") {
    const data::DataSet data = data::load_data_set(golden.folder, root, data::Split::test, 64);
    for (std::int64_t i = 0; i < 64; ++i) inputs.push_back(from_data_set(golden, data, i));
    return inputs;
  }
  std::set<std::string> paths;
  for (const auto& file : std::filesystem::directory_iterator(root + "/images/cc_256")) {
    paths.insert(file.path());
  }
  for (const std::string& path : paths) {
    inputs.push_back(from_picture(golden, data::read_picture(path), shape[2]));
  }
  return inputs;
}

class FloatGolden : public testing::TestWithParam<Golden> {};

TEST_P(FloatGolden, LogitsMatch) {
  const char* root = std::getenv("SYNCOPATE_DATA");
  if (!root) GTEST_SKIP() << "SYNCOPATE_DATA is not set";
  const Golden& golden = GetParam();
  const std::string models = std::string(root) + "/models/";
  const ir::Graph graph = onnx::import_file(models + golden.folder + "/" + golden.name + ".onnx");
  const Tensor expected = data::read_npy(models + "golden/" + golden.name + ".npy");
  const ref::FloatNet net(graph);
  const std::vector<Tensor> inputs = inputs_of(golden, root, graph.value(graph.inputs.at(0)).shape);
  ASSERT_EQ(expected.shape().at(0), static_cast<std::int64_t>(inputs.size()));
  const auto classes = static_cast<std::size_t>(expected.shape().at(1));
  double largest = 0, worst = 0;
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const Tensor logits = net.run(std::span(&inputs[n], 1)).at(0);
    ASSERT_EQ(logits.size(), expected.shape()[1]);
    for (std::size_t c = 0; c < classes; ++c) {
      const double wanted = expected.data<float>()[n * classes + c];
      largest = std::max(largest, std::abs(wanted));
      worst = std::max(worst, std::abs(wanted - static_cast<double>(logits.data<float>()[c])));
    }
  }
  EXPECT_GT(largest, 0);
  EXPECT_LE(worst, golden.tolerance * largest);
}

INSTANTIATE_TEST_SUITE_P(Models, FloatGolden, testing::ValuesIn(goldens()), [](const auto& test) {
  std::string name = test.param.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace syncopate
