#include "codec/codebook.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::codec {
namespace {

Tensor normal_weights(Shape shape, double density, std::uint64_t seed) {
  Random random(seed);
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) {
    if (random.chance(density)) value = static_cast<float>(random.normal());
  }
  return tensor;
}

TEST(Codebook, EntriesAreWithinTheirNumberAndZerosStayZero) {
  const Tensor weights = normal_weights({32, 8, 3, 3}, 0.4, 1);
  for (const int bits : {1, 3, 6}) {
    const Codebooks books = cluster(weights, {.bits = bits, .rows_per_book = 10});
    ASSERT_EQ(books.books.size(), 4U) << "10, 10, 10 and 2 rows";
    const Tensor back = expand(books);
    for (std::size_t i = 0; i < weights.data<float>().size(); ++i) {
      EXPECT_EQ(weights.data<float>()[i] == 0, back.data<float>()[i] == 0);
    }
    for (const auto& book : books.books) EXPECT_LE(book.size(), (1U << bits) + 1);
  }
}

TEST(Codebook, OfClusteredWeightsAreReadOffThem) {
  const Tensor clustered =
      expand(cluster(normal_weights({32, 8, 3, 3}, 0.4, 1), {.bits = 3, .rows_per_book = 10}));
  const Codebooks read = read_codebooks(clustered, 10);
  EXPECT_EQ(expand(read), clustered);
  ASSERT_EQ(read.books.size(), 4U);
  for (const auto& book : read.books) {
    EXPECT_LE(book.size(), 9U);
    EXPECT_TRUE(std::is_sorted(book.begin(), book.end()));
  }
}

TEST(Codebook, SubMatricesWithTheirOwnBooksFitBetter) {
  Tensor weights = normal_weights({64, 64}, 1, 2);
  for (std::size_t i = 0; i < 32 * 64; ++i) weights.mutable_data<float>()[i] *= 20;
  const auto error = [&](std::int64_t rows) {
    return relative_error(
        weights.data<float>(),
        expand(cluster(weights, {.bits = 3, .rows_per_book = rows})).data<float>());
  };
  EXPECT_LT(error(32), error(0));
}

TEST(Codebook, FourBitsOfNormalWeightsReachTheLloydMaxDistortion) {
  // Lloyd-Max for 16 levels of a Gaussian: 0.009497 [public: quantization literature].
  const Tensor weights = normal_weights({400, 100}, 1, 3);
  const Tensor back = expand(cluster(weights, {.bits = 4}));
  EXPECT_NEAR(relative_error(weights.data<float>(), back.data<float>()), 0.0095, 0.0004);
}

/// Ideal code length of the assignment, bits per weight.
double entropy(const Codebooks& books) {
  std::map<std::int32_t, double> counts;
  for (const std::int32_t entry : books.assignment) ++counts[entry];
  double bits = 0;
  const auto all = static_cast<double>(books.assignment.size());
  for (const auto& [entry, count] : counts) bits -= count / all * std::log2(count / all);
  return bits;
}

TEST(Codebook, ClusteredAgainFollowsWeightsThatMoveALittle) {
  const Tensor weights = normal_weights({60, 100}, 0.4, 4);
  Tensor moved = weights;
  Random random(5);
  for (float& value : moved.mutable_data<float>()) {
    if (value != 0) value += static_cast<float>(0.003 * random.normal());
  }
  for (const double rate : {0.0, 0.02}) {
    const CodebookOptions how{.bits = 4, .rows_per_book = 30, .rate = rate};
    const Codebooks before = cluster(weights, how), again = cluster_again(moved, how, before);
    const Tensor back = expand(again), stale = expand(before);
    const std::span<const float> now = moved.data<float>();
    double others = 0, count = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i] == 0) {
        EXPECT_EQ(back.data<float>()[i], 0);
        continue;
      }
      others += std::abs(back.data<float>()[i] - stale.data<float>()[i]) > 0.05;
      ++count;
    }
    EXPECT_LT(others / count, 0.02) << "nearly all keep their entry, rate " << rate;
    if (rate == 0) {
      EXPECT_LT(relative_error(now, back.data<float>()), relative_error(now, stale.data<float>()));
    }
    const double anew = relative_error(now, expand(cluster(moved, how)).data<float>());
    EXPECT_LT(relative_error(now, back.data<float>()), 1.1 * anew);
    for (const auto& book : again.books) EXPECT_TRUE(std::is_sorted(book.begin(), book.end()));
  }
}

TEST(Codebook, ClusteredAgainStaysWhereNothingMoved) {
  const Tensor weights = normal_weights({60, 100}, 0.4, 4);
  for (const double rate : {0.0, 0.02}) {
    const CodebookOptions how{.bits = 3, .rate = rate};
    const Codebooks before = cluster(weights, how), again = cluster_again(weights, how, before);
    EXPECT_LT(relative_error(expand(before).data<float>(), expand(again).data<float>()), 1e-5);
  }
  EXPECT_THROW(cluster_again(weights, {.bits = 3}, cluster(normal_weights({2, 2}, 1, 1), {})),
               InternalError);
}

TEST(Codebook, ARateBuysFewerBitsAtTheSameError) {
  const Tensor weights = normal_weights({300, 100}, 0.3, 4);
  const auto error = [&](const Codebooks& books) {
    return relative_error(weights.data<float>(), expand(books).data<float>());
  };
  const Codebooks plain = cluster(weights, {.bits = 3});
  // The largest rate that is as near as eight plain entries.
  double low = 0, high = 1;
  for (int i = 0; i < 30; ++i) {
    const double middle = (low + high) / 2;
    const Codebooks rated = cluster(weights, {.bits = 8, .rate = middle});
    (error(rated) <= error(plain) ? low : high) = middle;
  }
  const Codebooks rated = cluster(weights, {.bits = 8, .rate = low});
  EXPECT_LE(error(rated), error(plain));
  EXPECT_LT(entropy(rated), 0.97 * entropy(plain));
}

TEST(Codebook, ZerosStayZeroUnderAnyRate) {
  for (const double density : {0.05, 0.5, 0.98}) {
    const Tensor weights = normal_weights({64, 50}, density, 5);
    for (const double rate : {0.001, 0.1, 3.0}) {
      const Tensor back = expand(cluster(weights, {.bits = 6, .rate = rate}));
      for (std::size_t i = 0; i < weights.data<float>().size(); ++i) {
        if (weights.data<float>()[i] == 0) {
          ASSERT_EQ(back.data<float>()[i], 0);
        }
      }
    }
  }
}

TEST(Codebook, FewDistinctValuesAreKeptExactly) {
  Tensor weights(DType::f32, {100});
  for (std::size_t i = 0; i < 100; ++i)
    weights.mutable_data<float>()[i] = static_cast<float>(i % 5) * 0.25F;
  EXPECT_EQ(expand(cluster(weights, {.bits = 3})), weights);
}

TEST(Codebook, EntrySumsAreTheGradientUnderAFixedAssignment) {
  const Tensor weights = normal_weights({20, 30}, 0.7, 4);
  Codebooks books = cluster(weights, {.bits = 2, .rows_per_book = 5});
  const auto loss = [&] {  // half the squared length
    double sum = 0;
    const Tensor back = expand(books);
    for (const float value : back.data<float>()) sum += 0.5 * value * value;
    return sum;
  };
  const Tensor back = expand(books);
  const auto gradient = entry_sums(books, back.data<float>());
  const float step = 1e-3F;
  float& entry = books.books[2][1];
  const float before = entry;
  entry = before + step;
  const double up = loss();
  entry = before - step;
  EXPECT_NEAR((up - loss()) / (2 * step), gradient[2][1], 0.02 * std::abs(gradient[2][1]) + 1e-3);
}

TEST(Codebook, BitsFollowTheTolerance) {
  const Tensor weights = normal_weights({100, 40}, 1, 5);
  EXPECT_EQ(bits_for_error(weights, {}, 0.011, 8), 4);
  EXPECT_EQ(bits_for_error(weights, {}, 0, 6), 6);
  EXPECT_EQ(bits_for_error(weights, {}, 1, 6), 1);
}

TEST(Codebook, UniformIsSymmetricAndRoundsHalfToEven) {
  const Tensor weights = Tensor::from<float>({5}, {7.0F, -7.0F, 0.5F, 1.5F, 2.5F});
  const Uniform uniform = quantize_uniform(weights, 4);
  EXPECT_EQ(uniform.scale, 1);
  EXPECT_EQ(uniform.integers, (std::vector<std::int32_t>{7, -7, 0, 2, 2}));
  EXPECT_EQ(quantize_uniform(Tensor(DType::f32, {3}), 4).integers,
            (std::vector<std::int32_t>{0, 0, 0}));
}

TEST(Codebook, MistakesAreNamed) {
  Tensor weights(DType::f32, {2});
  EXPECT_THROW(static_cast<void>(cluster(weights, {.bits = 0})), InputError);
  EXPECT_THROW(static_cast<void>(quantize_uniform(weights, 17)), InputError);
  weights.mutable_data<float>()[0] = std::nanf("");
  EXPECT_THROW(static_cast<void>(cluster(weights, {})), InputError);
  EXPECT_THROW(static_cast<void>(quantize_uniform(weights, 8)), InputError);
}

}  // namespace
}  // namespace syncopate::codec
