// ONNX's own conformance tests (Debian's libonnx-testdata) through import and float execution.
//
// A test counts when Syncopate supports its operators. It must then pass, or stand in the table
// below with the reason; a test in the table must not pass.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "onnx/import.h"
#include "ref/float_net.h"

namespace syncopate {
namespace {

namespace fs = std::filesystem;

const fs::path kTestData = "/usr/share/libonnx-testdata/data";

constexpr const char* kTraining = "training mode; Syncopate runs inference";
constexpr const char* kStrings = "strings are not tensors of numbers";
constexpr const char* kTensors = "optional and sequence types are not tensors";
constexpr const char* kInterpolation = "only nearest-neighbor resizing is supported";
constexpr const char* kBfloat =
    "the test's own files hold bfloat16 as uint16 bit patterns; Syncopate widens bfloat16 to f32";

const std::map<std::string, std::string> kExcluded = {
    {"node/test_batchnorm_epsilon_training_mode", kTraining},
    {"node/test_batchnorm_example_training_mode", kTraining},
    {"node/test_cast_BFLOAT16_to_FLOAT", kBfloat},
    {"node/test_cast_FLOAT_to_BFLOAT16", kBfloat},
    {"node/test_cast_FLOAT_to_STRING", kStrings},
    {"node/test_cast_STRING_to_FLOAT", kStrings},
    {"node/test_castlike_BFLOAT16_to_FLOAT_expanded", kBfloat},
    {"node/test_castlike_FLOAT_to_BFLOAT16_expanded", kBfloat},
    {"node/test_castlike_FLOAT_to_STRING_expanded", kStrings},
    {"node/test_castlike_STRING_to_FLOAT_expanded", kStrings},
    {"node/test_identity_opt", kTensors},
    {"node/test_identity_sequence", kTensors},
    {"node/test_resize_downsample_scales_cubic", kInterpolation},
    {"node/test_resize_downsample_scales_cubic_A_n0p5_exclude_outside", kInterpolation},
    {"node/test_resize_downsample_scales_cubic_align_corners", kInterpolation},
    {"node/test_resize_downsample_scales_linear", kInterpolation},
    {"node/test_resize_downsample_scales_linear_align_corners", kInterpolation},
    {"node/test_resize_downsample_sizes_cubic", kInterpolation},
    {"node/test_resize_downsample_sizes_linear_pytorch_half_pixel", kInterpolation},
    {"node/test_resize_tf_crop_and_resize", kInterpolation},
    {"node/test_resize_upsample_scales_cubic", kInterpolation},
    {"node/test_resize_upsample_scales_cubic_A_n0p5_exclude_outside", kInterpolation},
    {"node/test_resize_upsample_scales_cubic_align_corners", kInterpolation},
    {"node/test_resize_upsample_scales_cubic_asymmetric", kInterpolation},
    {"node/test_resize_upsample_scales_linear", kInterpolation},
    {"node/test_resize_upsample_scales_linear_align_corners", kInterpolation},
    {"node/test_resize_upsample_sizes_cubic", kInterpolation},
    {"node/test_training_dropout", kTraining},
    {"node/test_training_dropout_default", kTraining},
    {"node/test_training_dropout_default_mask", kTraining},
    {"node/test_training_dropout_mask", kTraining},
};

/// What became of one test.
enum class Outcome : std::uint8_t { passed, failed, other_operators };
struct Result {
  Outcome outcome;
  std::string message;
};

/// The name between the quotes of "('name') must be a constant", or "".
std::string must_be_constant(const std::string& message) {
  const std::size_t end = message.find("') must be a constant");
  const std::size_t shape_end = message.find("' must be a constant");
  const std::size_t at = end != std::string::npos ? end : shape_end;
  if (at == std::string::npos) return "";
  const std::size_t begin = message.rfind('\'', at - 1);
  return message.substr(begin + 1, at - begin - 1);
}

std::vector<onnx::NamedTensor> read_tensors(const fs::path& folder, const std::string& kind) {
  std::vector<onnx::NamedTensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", kind, i);
    if (!fs::exists(path)) return tensors;
    tensors.push_back(onnx::read_tensor_file(path.string()));
  }
}

/// The tests pass everything as network inputs; what the importer asks to be constant becomes so.
ir::Graph import_test(const fs::path& model, const std::vector<onnx::NamedTensor>& inputs) {
  onnx::ImportOptions options;
  while (true) {
    try {
      return onnx::import_file(model.string(), options);
    } catch (const InputError& error) {
      const std::string name = must_be_constant(error.what());
      const auto found = std::find_if(inputs.begin(), inputs.end(),
                                      [&](const auto& input) { return input.name == name; });
      if (found == inputs.end() || !options.constants.emplace(name, found->tensor).second) throw;
    }
  }
}

template <class T>
std::string difference(const Tensor& actual, const Tensor& expected) {
  const auto a = actual.data<T>();
  const auto e = expected.data<T>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if constexpr (std::is_same_v<T, float>) {
      if (std::isnan(a[i]) && std::isnan(e[i])) continue;
      if (a[i] == e[i]) continue;  // Infinities.
      if (std::abs(a[i] - e[i]) <= 1e-5F + 1e-3F * std::abs(e[i])) continue;
    } else {
      if (a[i] == e[i]) continue;
    }
    return fmt::format("element {} is {}, expected {}", i, a[i], e[i]);
  }
  return "";
}

std::string compare(const Tensor& actual, const Tensor& expected) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    return fmt::format("{}[{}], expected {}[{}]", name_of(actual.dtype()),
                       to_string(actual.shape()), name_of(expected.dtype()),
                       to_string(expected.shape()));
  }
  switch (actual.dtype()) {
    case DType::f32:
      return difference<float>(actual, expected);
    case DType::u8:
      return difference<std::uint8_t>(actual, expected);
    case DType::i8:
      return difference<std::int8_t>(actual, expected);
    case DType::i32:
      return difference<std::int32_t>(actual, expected);
    case DType::i64:
      return difference<std::int64_t>(actual, expected);
    default:
      return actual == expected ? "" : "contents differ";
  }
}

/// Runs one data set; "" when all outputs agree.
std::string run_data_set(const fs::path& model, const fs::path& folder) {
  const auto inputs = read_tensors(folder, "input");
  const auto expected = read_tensors(folder, "output");
  const ir::Graph graph = import_test(model, inputs);
  ir::verify(graph);
  std::vector<Tensor> fed;
  for (ir::ValueId id : graph.inputs) {
    const std::string& name = graph.value(id).name;
    const auto found = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const auto& input) { return input.name == name; });
    // Some tests do not name their tensors; then the order counts.
    fed.push_back(found != inputs.end() ? found->tensor : inputs.at(fed.size()).tensor);
  }
  const std::vector<Tensor> outputs = ref::FloatNet(graph).run(fed);
  if (outputs.size() < expected.size()) return "too few outputs";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string message = compare(outputs[i], expected[i].tensor);
    if (!message.empty()) return fmt::format("output {}: {}", i, message);
  }
  return "";
}

/// Whether the model has an operator that Syncopate does not support.
bool has_other_operators(const fs::path& model) {
  try {
    onnx::import_file(model.string());
  } catch (const InputError& error) {
    const std::string message = error.what();
    return message.find("is not supported (supported: Add") != std::string::npos ||
           message.find("operators of the domain") != std::string::npos;
  }
  return false;
}

Result run_test(const fs::path& folder) {
  try {
    if (has_other_operators(folder / "model.onnx")) return {Outcome::other_operators, ""};
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_directory()) continue;
      const std::string message = run_data_set(folder / "model.onnx", entry.path());
      if (!message.empty()) return {Outcome::failed, message};
    }
    return {Outcome::passed, ""};
  } catch (const std::exception& error) {
    return {Outcome::failed, error.what()};
  }
}

std::vector<std::string> tests_of(const std::string& suite) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kTestData / suite)) {
    if (fs::exists(entry.path() / "model.onnx")) {
      names.push_back(suite + "/" + entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class OnnxSuite : public testing::TestWithParam<const char*> {};

TEST_P(OnnxSuite, Passes) {
  const std::string suite = GetParam();
  if (!fs::exists(kTestData / suite)) {
    GTEST_SKIP() << "no " << (kTestData / suite) << " (install libonnx-testdata)";
  }
  int passed = 0, excluded = 0, other = 0;
  for (const std::string& name : tests_of(suite)) {
    const auto exclusion = kExcluded.find(name);
    const Result result = run_test(kTestData / name);
    if (exclusion != kExcluded.end()) {
      ++excluded;
      EXPECT_EQ(result.outcome, Outcome::failed)
          << name << " is excluded (" << exclusion->second << ") but would count";
    } else if (result.outcome == Outcome::other_operators) {
      ++other;
    } else {
      passed += result.outcome == Outcome::passed ? 1 : 0;
      EXPECT_EQ(result.outcome, Outcome::passed) << name << ": " << result.message;
    }
  }
  fmt::print("{}: {} passed, {} excluded, {} of operators that are not supported\n", suite, passed,
             excluded, other);
  EXPECT_GT(passed, 0);
}

INSTANTIATE_TEST_SUITE_P(Suites, OnnxSuite,
                         testing::Values("node", "pytorch-converted", "pytorch-operator", "simple"),
                         [](const auto& suite) {
                           std::string name = suite.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(OnnxSuite, ExclusionsNameTests) {
  if (!fs::exists(kTestData)) GTEST_SKIP() << "no " << kTestData << " (install libonnx-testdata)";
  for (const auto& [name, reason] : kExcluded) {
    EXPECT_TRUE(fs::exists(kTestData / name)) << name;
    EXPECT_FALSE(reason.empty()) << name;
  }
}

/// Real topologies whose weights are all alike: every output is one over the number of classes.
TEST(OnnxLight, RunsRealTopologies) {
  const char* data = std::getenv("SYNCOPATE_DATA");
  const fs::path folder = fs::path(data == nullptr ? "" : data) / "models" / "onnx_light";
  if (data == nullptr || !fs::exists(folder)) {
    GTEST_SKIP() << "SYNCOPATE_DATA does not name a folder with models/onnx_light";
  }
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    const ir::Graph graph = onnx::import_file(entry.path().string());
    ASSERT_EQ(graph.inputs.size(), 1U) << entry.path();
    Tensor input(DType::f32, graph.value(graph.inputs[0]).shape);
    const auto values = input.mutable_data<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(i) / static_cast<float>(values.size());
    }
    const auto outputs = ref::FloatNet(graph).run(std::vector<Tensor>{input});
    const std::string expected =
        (folder / (entry.path().stem().string() + "_output_0.pb")).string();
    EXPECT_EQ(compare(outputs[0], onnx::read_tensor_file(expected).tensor), "") << entry.path();
    ++count;
  }
  EXPECT_EQ(count, 9);
}

}  // namespace
}  // namespace syncopate
