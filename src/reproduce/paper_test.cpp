#include "reproduce/paper.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace syncopate::reproduce {
namespace {

TEST(Papers, AreFoundByName) {
  EXPECT_THROW(find("no-such-paper"), InputError);
  for (const Paper* paper : all()) EXPECT_EQ(&find(paper->name), paper);
}

}  // namespace
}  // namespace syncopate::reproduce
