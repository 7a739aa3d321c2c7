#include "ref/compare.h"

#include <gtest/gtest.h>

#include <cmath>

namespace syncopate::ref {
namespace {

Tensor row(Shape shape, const std::vector<float>& values) {
  return Tensor::from<float>(std::move(shape), values);
}

TEST(ErrorOf, MeasuresAgainstTheReference) {
  const Error error = error_of(row({4}, {3, 4, 0, 1}), row({4}, {3, 4, 0, 0}));
  EXPECT_DOUBLE_EQ(error.max_abs, 1);
  EXPECT_DOUBLE_EQ(error.rms, 0.5);
  EXPECT_DOUBLE_EQ(error.relative, 0.2);
  EXPECT_DOUBLE_EQ(error.snr_db, 20 * std::log10(5));
  EXPECT_DOUBLE_EQ(error.reference, 4);
}

TEST(ErrorOf, EqualTensorsHaveNoNoise) {
  const Error error = error_of(row({2}, {1, 2}), row({2}, {1, 2}));
  EXPECT_EQ(error.rms, 0);
  EXPECT_TRUE(std::isinf(error.snr_db) && error.snr_db > 0);
  EXPECT_THROW(error_of(row({1}, {1}), row({2}, {1, 2})), InternalError);
}

TEST(AgreementOf, CountsFirstClasses) {
  // Float's first class is 0, 1 and 6; fixed point ranks it first, second and sixth.
  const Tensor reference = row({3, 7}, {9, 0, 0, 0, 0, 0, 0,  //
                                        0, 9, 0, 0, 0, 0, 0,  //
                                        0, 0, 0, 0, 0, 0, 9});
  const Tensor real = row({3, 7}, {9, 0, 0, 0, 0, 0, 0,  //
                                   7, 6, 0, 0, 0, 0, 0,  //
                                   9, 8, 7, 6, 5, 4, 4.5});
  const Agreement agreement = agreement_of(real, reference);
  EXPECT_EQ(agreement.rows, 3);
  EXPECT_EQ(agreement.top1, 1);
  EXPECT_EQ(agreement.top5, 2);
}

}  // namespace
}  // namespace syncopate::ref
