#include "base/tensor.h"

#include <gtest/gtest.h>

namespace syncopate {
namespace {

TEST(Tensor, CopiesShareUntilWritten) {
  Tensor a = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  Tensor b = a;
  b.mutable_data<float>()[0] = 9;
  EXPECT_EQ(a.data<float>()[0], 1);
  EXPECT_EQ(b.data<float>()[0], 9);
  EXPECT_FALSE(a == b);
}

TEST(Tensor, RefusesTheWrongType) {
  const Tensor a(DType::i8, {3});
  EXPECT_THROW(a.data<float>(), InternalError);
}

TEST(Tensor, RefusesShapesThatOverflow) {
  EXPECT_THROW(element_count({1 << 30, 1 << 30}), InputError);
  EXPECT_THROW(element_count({-1}), InputError);
  EXPECT_EQ(element_count({1 << 30, 0, 1 << 30}), 0);
  EXPECT_EQ(element_count({}), 1);
}

}  // namespace
}  // namespace syncopate
