#include "zoo/synthetic.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/error.h"

namespace syncopate::zoo {
namespace {

ir::Graph one_gemm(const std::vector<float>& weights) {
  ir::Graph graph;
  const auto count = static_cast<std::int64_t>(weights.size());
  graph.inputs = {graph.add_value({"x", DType::f32, {1, count}, {}})};
  const ir::ValueId w =
      graph.add_constant("w", Tensor::from<float>({1, count}, std::span<const float>(weights)));
  ir::Gemm gemm;
  gemm.trans_b = true;
  graph.outputs = {graph.add_node("fc", gemm, {graph.inputs[0], w}, "y")};
  return graph;
}

TEST(ToCodebook, LeavesFewValuesAndKeepsZerosAndSigns) {
  Random random(1);
  std::vector<float> weights(5000);
  for (float& w : weights) w = random.chance(0.3) ? static_cast<float>(random.normal()) : 0.0F;
  ir::Graph graph = one_gemm(weights);
  to_codebook(graph, 256, 16);
  EXPECT_TRUE(graph.synthetic);
  const auto quantized = graph.values[1].constant->data<float>();
  std::set<float> values;
  double error = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(quantized[i] == 0, weights[i] == 0);
    EXPECT_GE(quantized[i] * weights[i], 0);
    error = std::max(error, std::abs(static_cast<double>(quantized[i] - weights[i])) *
                                (std::abs(weights[i]) < 2.5F ? 1 : 0));
    if (quantized[i] != 0) values.insert(quantized[i]);
  }
  EXPECT_LE(values.size(), 16U);
  EXPECT_GE(values.size(), 14U);
  EXPECT_LE(error, 0.2);  // half a step of 6 sigma / 16
  EXPECT_THROW(to_codebook(graph, 256, 15), InputError);
}

TEST(SpreadDensities, HaveTheMeanAndSpread) {
  Random random(2);
  for (const double mean : {0.05, 0.35, 0.62, 0.9}) {
    double wide = 0, narrow = 0;
    for (const double concentration : {2.0, 50.0}) {
      const auto densities = spread_densities(random, 4096, mean, concentration);
      double sum = 0, squares = 0;
      for (const double d : densities) {
        EXPECT_GE(d, 0);
        EXPECT_LE(d, 1);
        sum += d;
        squares += (d - mean) * (d - mean);
      }
      EXPECT_NEAR(sum / 4096, mean, 1e-6);
      (concentration < 10 ? wide : narrow) = squares / 4096;
    }
    EXPECT_NEAR(wide / (mean * (1 - mean) / 3), 1, 0.35);  // variance of Beta: m(1-m)/(c+1)
    EXPECT_NEAR(narrow / (mean * (1 - mean) / 51), 1, 0.35);
  }
  EXPECT_EQ(spread_densities(random, 3, 1, 4), (std::vector<double>{1, 1, 1}));
}

TEST(SmoothPicture, IsDenseAndRepeatable) {
  const Tensor picture = smooth_picture({1, 3, 20, 30}, 5);
  for (const float v : picture.data<float>()) EXPECT_TRUE(v > 0 && v <= 1);
  EXPECT_TRUE(picture == smooth_picture({1, 3, 20, 30}, 5));
  EXPECT_FALSE(picture == smooth_picture({1, 3, 20, 30}, 6));
}

}  // namespace
}  // namespace syncopate::zoo
