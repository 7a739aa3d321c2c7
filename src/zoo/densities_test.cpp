#include "zoo/densities.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace syncopate::zoo {
namespace {

std::string error_of(const std::string& yaml, const char* network = "n") {
  try {
    parse_densities(yaml, "x", network);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

// Weights remaining overall, published: 11 % and 7.5 %.
TEST(Densities, GiveThePublishedTotals) {
  struct Size {
    const char* layer;
    double weights;
  };
  const auto total = [](const char* network, const std::vector<Size>& sizes) {
    double kept = 0, all = 0;
    for (const LayerDensity& layer : densities("han2015", network)) {
      for (const Size& size : sizes) {
        if (layer.layer != size.layer) continue;
        kept += layer.weights * size.weights;
        all += size.weights;
      }
    }
    return kept / all;
  };
  EXPECT_NEAR(total("alexnet", {{"conv1", 34848},
                                {"conv2", 307200},
                                {"conv3", 884736},
                                {"conv4", 663552},
                                {"conv5", 442368},
                                {"fc6", 37748736},
                                {"fc7", 16777216},
                                {"fc8", 4096000}}),
              0.1115, 0.0001);
  EXPECT_NEAR(total("lenet5", {{"conv1", 500}, {"conv2", 25000}, {"ip1", 400000}, {"ip2", 5000}}),
              0.084, 0.001);
}

TEST(Densities, EveryTableReads) {
  ASSERT_EQ(density_tables().size(), 2U);
  for (const std::string& table : density_tables()) {
    EXPECT_EQ(densities(table, "alexnet").size(), 8U);
    EXPECT_EQ(densities(table, "vgg16").size(), 16U);
  }
  EXPECT_EQ(densities("han2015", "vgg16")[3], (LayerDensity{"conv2_2", 0.36, 0.81}));
}

TEST(Densities, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(error_of("n: {a: {weights: 0.5}}"), "no error");
  EXPECT_EQ(error_of("n: {a: {weight: 0.5}}"),
            "x:1: a: unknown key 'weight' (known: weights, output)");
  EXPECT_EQ(error_of("n: {a: {weights: 1.5}}"),
            "x:1: a.weights = '1.5': expected a density in (0, 1]");
  EXPECT_EQ(error_of("n: {a: {output: 0.5}}"), "x:1: a has no 'weights'");
  EXPECT_EQ(error_of("m: {a: {weights: 0.5}}"), "x: no densities for 'n' (known: m)");
  EXPECT_NE(error_of("n: [").find("not valid YAML"), std::string::npos);
  EXPECT_NE(error_of("3").find("expected a mapping"), std::string::npos);
  EXPECT_THROW(densities("han2016", "alexnet"), InputError);
}

}  // namespace
}  // namespace syncopate::zoo
