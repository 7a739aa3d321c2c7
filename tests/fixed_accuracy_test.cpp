// Trained networks on real pictures: fixed point must classify as float does. Needs SYNCOPATE_DATA.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "data/dataset.h"
#include "flow/evaluate.h"
#include "flow/inputs.h"
#include "onnx/import.h"

namespace syncopate {
namespace {

constexpr std::int64_t kPictures = 1000;

class Accuracy : public testing::TestWithParam<int> {};

TEST_P(Accuracy, ResNet20ClassifiesAsInFloat) {
  const char* data = std::getenv("SYNCOPATE_DATA");
  const std::string root = data == nullptr ? "" : data;
  const std::string model = root + "/models/cifar10/resnet20_cifar10.onnx";
  if (root.empty() || !std::filesystem::exists(model)) {
    GTEST_SKIP() << "SYNCOPATE_DATA does not name a folder with " << model;
  }
  const data::DataSet set = data::load_data_set("cifar10", root, data::Split::test, kPictures);
  flow::EvaluateOptions options;
  options.normalization = data::normalization("imagenet", set.channels);
  options.quantize = {GetParam(), GetParam()};
  const flow::Evaluation result = flow::evaluate(onnx::import_file(model), set, options);
  ASSERT_EQ(result.pictures, kPictures);
  EXPECT_GT(result.float_top1, kPictures * 9 / 10);
  // Within half a point of float.
  EXPECT_LE(std::abs(result.fixed_top1 - result.float_top1), kPictures / 200)
      << "float " << result.float_top1 << " fixed " << result.fixed_top1 << " agree "
      << result.agree << " SNR " << result.snr_db << " dB";
  RecordProperty("float_top1", static_cast<int>(result.float_top1));
  RecordProperty("fixed_top1", static_cast<int>(result.fixed_top1));
  RecordProperty("agree", static_cast<int>(result.agree));
}

INSTANTIATE_TEST_SUITE_P(Bits, Accuracy, testing::Values(16, 8));

}  // namespace
}  // namespace syncopate
