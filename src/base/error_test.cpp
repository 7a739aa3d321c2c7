#include "base/error.h"

#include <gtest/gtest.h>

namespace syncopate {
namespace {

TEST(InputError, IsOneLineWhateverNamesAFileHolds) {
  EXPECT_STREQ(InputError("a\nb\tc\x7f").what(), "a?b?c?");
  EXPECT_EQ(std::string(InputError(std::string(5000, 'x')).what()).size(), 2003U);
}

}  // namespace
}  // namespace syncopate
