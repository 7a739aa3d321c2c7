#include "base/small_vector.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "base/random.h"

namespace syncopate {
namespace {

using Small = SmallVector<int, 3>;

TEST(SmallVector, BehavesLikeAVectorOnBothSidesOfItsCapacity) {
  Random random(1);
  Small small;
  std::vector<int> plain;
  for (int i = 0; i < 2000; ++i) {
    const auto size = static_cast<std::size_t>(random.integer(0, 6));
    switch (random.integer(0, 3)) {
      case 0:
        small.resize(size);
        plain.resize(size);
        break;
      case 1:
        small.assign(size, i);
        plain.assign(size, i);
        break;
      case 2:
        small.push_back(small.empty() ? i : small[0]);
        plain.push_back(plain.empty() ? i : plain[0]);
        break;
      default: {
        const Small copy = small;
        Small moved = std::move(small);
        EXPECT_TRUE(small.empty());
        EXPECT_EQ(copy, moved);
        small = std::move(moved);
      }
    }
    ASSERT_EQ(small, plain);
    ASSERT_EQ(small.size(), plain.size());
  }
}

TEST(SmallVector, ComparesLengthAndContents) {
  EXPECT_EQ((Small{1, 2}), (Small{1, 2}));
  EXPECT_NE((Small{1, 2}), (Small{1, 2, 0}));
  EXPECT_NE((Small{1, 2, 3, 4}), (Small{1, 2, 3, 5}));
}

}  // namespace
}  // namespace syncopate
