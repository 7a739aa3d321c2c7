// Convolutions as one matrix product against direct sums: outputs, and the gradients of inputs and
// filters.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "base/random.h"
#include "train/conv_fixture.h"
#include "train/operators.h"
#include "train/threads_fixture.h"

namespace syncopate::train {
namespace {

struct Layer {
  std::int64_t pictures, in, out, height, width;
};

class PatchConv : public testing::TestWithParam<Layer> {
 protected:
  /// Largest difference from sums in double precision over the largest of these, of outputs and
  /// gradients.
  void compare(torch::ScalarType type, double tolerance) {
    const Layer& c = GetParam();
    Random random(17);
    // As `type` has them, so that rounding the operands is not counted.
    const auto drawn = [&](const Shape& shape) { return random_tensor(random, shape, 1).to(type); };
    const torch::Tensor x = drawn({c.pictures, c.in, c.height, c.width});
    const torch::Tensor w = drawn({c.out, c.in, 3, 3});
    const torch::Tensor weights = drawn({c.pictures, c.out, c.height, c.width});
    const auto wanted = direct_in_double(x, w, weights);
    const auto got = everything(x, w, weights, rules::patch_conv);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(got[i].sizes(), wanted[i].sizes());
      EXPECT_EQ(got[i].scalar_type(), type);
      const double error = (got[i].to(torch::kDouble) - wanted[i]).abs().max().item<double>();
      EXPECT_LT(error, tolerance * wanted[i].abs().max().item<double>()) << "result " << i;
    }
  }
};

TEST_P(PatchConv, EqualsDirectSums) { compare(torch::kDouble, 1e-13); }
// Sums are exact enough for one rounding of the result to decide: 2^-8 at most.
TEST_P(PatchConv, RoundsOnceInBf16) { compare(torch::kBFloat16, 0.004); }

INSTANTIATE_TEST_SUITE_P(Shapes, PatchConv,
                         testing::Values(Layer{3, 16, 24, 4, 4}, Layer{5, 130, 129, 2, 2},
                                         Layer{2, 40, 36, 1, 3}, Layer{1, 3, 4, 1, 1},
                                         Layer{4, 64, 32, 5, 2}));

TEST(PatchConvolution, DoesNotDependOnThreads) {
  Random random(18);
  const auto drawn = [&](const Shape& shape) {
    return random_tensor(random, shape, 1).to(torch::kBFloat16);
  };
  const torch::Tensor x = drawn({16, 128, 4, 4}), w = drawn({128, 128, 3, 3}),
                      weights = drawn({16, 128, 4, 4});
  const auto results =
      on_threads({1, 3}, [&] { return everything(x, w, weights, rules::patch_conv); });
  // Gradients of filters are summed by oneDNN as it shares them out.
  EXPECT_TRUE(torch::equal(results[0][0], results[1][0]));
}

TEST(PatchConvolution, TakesWhatItIsFasterFor) {
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const auto zeros = [](const Shape& shape) { return torch::zeros(shape, torch::kBFloat16); };
  const torch::Tensor x = zeros({1, 128, 4, 4}), w = zeros({128, 128, 3, 3});
  EXPECT_TRUE(rules::suits_patches({window, 1}, x, w));
  EXPECT_FALSE(rules::suits_patches({window, 2}, x, zeros({256, 128, 3, 3})));
  EXPECT_FALSE(rules::suits_patches({window, 1}, x.to(torch::kFloat), w.to(torch::kFloat)));
  EXPECT_FALSE(rules::suits_patches({window, 1}, x, zeros({64, 128, 3, 3})));
  EXPECT_FALSE(rules::suits_patches({window, 1}, zeros({1, 128, 8, 8}), w));
  EXPECT_FALSE(rules::suits_patches({window, 1}, zeros({0, 128, 4, 4}), w));
  ir::Window other = window;
  other.strides = {2, 2};
  EXPECT_FALSE(rules::suits_patches({other, 1}, x, w));
}

}  // namespace
}  // namespace syncopate::train
