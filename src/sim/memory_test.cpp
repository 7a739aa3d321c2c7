#include "sim/memory.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

Transfer bytes(std::int64_t count) {
  Transfer transfer;
  transfer.bytes = count;
  return transfer;
}

TEST(IdealMemory, MovesItsRateWithoutLatency) {
  const auto memory = make_memory("ideal-25.6", 1000);  // 25.6 bytes a cycle
  EXPECT_EQ(memory->serve(0, bytes(256), false), 10);
  EXPECT_EQ(memory->serve(0, bytes(256), true), 20);    // waits for the first
  EXPECT_EQ(memory->serve(100, bytes(1), false), 101);  // a started cycle counts
}

TEST(IdealMemory, SmallTransfersDoNotDrift) {
  const auto memory = make_memory("ideal-25.6", 1000);
  std::int64_t end = 0;
  for (int i = 0; i < 2'560'000; ++i) end = memory->serve(0, bytes(1), false);
  EXPECT_EQ(end, 100'000);
}

TEST(IdealMemory, AnySplitOfABackToBackStreamEndsAtTheSameCycle) {
  Random random(7);
  for (const char* preset : {"ideal-25.6", "ideal-250", "ideal-0.333", "ideal-7"}) {
    for (const std::int64_t clock : {1, 200, 980, 1000, 1607}) {
      const auto whole = make_memory(preset, clock);
      const auto split = make_memory(preset, clock);
      const std::int64_t total = 1'000'000;
      const std::int64_t expected = whole->serve(5, bytes(total), false);
      std::int64_t end = 0;
      for (std::int64_t left = total; left > 0;) {
        const std::int64_t part = std::min(left, random.integer(1, 5000));
        end = split->serve(5, bytes(part), random.chance(0.5));
        left -= part;
      }
      EXPECT_EQ(end, expected) << preset << " at " << clock << " MHz";
    }
  }
}

TEST(IdealMemory, EmptyTransferEndsWhenTheMemoryIsFree) {
  const auto memory = make_memory("ideal-250", 1000);
  EXPECT_EQ(memory->serve(3, bytes(0), false), 3);
  EXPECT_EQ(memory->serve(3, bytes(251), false), 5);
  EXPECT_EQ(memory->serve(3, bytes(0), false), 5);
}

std::string error_of(const std::string& preset) {
  try {
    make_memory(preset, 1000);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(MakeMemory, RefusesUnknownPresetsByName) {
  EXPECT_NE(error_of("idael-25.6").find("did you mean 'ideal-25.6'?"), std::string::npos);
  for (const char* wrong : {"ideal-", "ideal-0", "ideal-x", "ideal-1.2345", "ideal-1e3", "ideal-.5",
                            "ideal-99999999"}) {
    EXPECT_NE(error_of(wrong).find("expected ideal-X"), std::string::npos) << wrong;
  }
}

}  // namespace
}  // namespace syncopate::sim
