#include "sim/memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "sim/dram_memory.h"

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

Transfer at(std::uint64_t address, std::int64_t count, std::int64_t runs = 1,
            std::int64_t pitch = 0) {
  Transfer transfer = bytes(count);
  transfer.address = address;
  transfer.runs = runs;
  transfer.pitch = pitch;
  return transfer;
}

TEST(DramMemory, AStreamTakesWhatReplayTakes) {
  const DramSpec spec = load_dram("ddr4-2400");
  const DramPattern pattern{DramPattern::Kind::stream, 10'000, 0, 0};
  const std::int64_t clocks = replay(spec, make_trace(spec, pattern)).clocks - 1;
  // 1 GHz machine: 1000 ps a cycle, 833 ps a clock.
  const std::int64_t cycles = (clocks * 833 + 999) / 1000;
  const auto memory = make_memory("ddr4-2400", 1000);
  EXPECT_EQ(memory->serve(0, at(0, 640'000), false), cycles);
  // However the DMA cuts it.
  Random random(3);
  for (int round = 0; round < 5; ++round) {
    const auto split = make_memory("ddr4-2400", 1000);
    std::int64_t end = 0;
    for (std::int64_t done = 0; done < 10'000;) {
      const std::int64_t part = std::min<std::int64_t>(random.integer(1, 400), 10'000 - done);
      end = split->serve(0, at(static_cast<std::uint64_t>(done) * 64, part * 64), false);
      done += part;
    }
    EXPECT_EQ(end, cycles);
  }
}

TEST(DramMemory, StreaksChangeNoClock) {
  Random random(14);
  std::int64_t transfers = 0;
  for (const std::string& preset : dram_presets()) {
    for (int round = 0; round < 6; ++round) {
      DramSpec spec = load_dram(preset);
      if (random.chance(0.5)) {
        spec.read_queue = static_cast<int>(random.integer(1, 64));
        spec.bank_queue = static_cast<int>(random.integer(1, 16));
        spec.write_high = static_cast<int>(random.integer(1, spec.write_queue));
        spec.write_low = static_cast<int>(random.integer(0, spec.write_high - 1));
        spec.row_hit_cap = static_cast<int>(random.integer(1, 20));
      }
      DramMemory fast(spec, 1000), slow(spec, 1000, false);
      const double writes = random.chance(0.3) ? 0 : random.uniform() * 0.5;
      const double idle = random.uniform() * 0.5;
      std::int64_t now = 0;
      std::uint64_t next = 0;
      for (int i = 0; i < 150; ++i, ++transfers) {
        Transfer transfer;
        if (random.chance(0.3)) next = static_cast<std::uint64_t>(random.integer(0, 1 << 24));
        transfer.address = next;
        transfer.bytes = random.integer(1, random.chance(0.2) ? 40'000 : 3'000);
        if (random.chance(0.3)) {
          transfer.runs = random.integer(1, std::min<std::int64_t>(40, transfer.bytes));
          transfer.pitch = random.integer(transfer.bytes / transfer.runs + 1, 1 << 14);
        }
        next += static_cast<std::uint64_t>(transfer.bytes);
        const bool write = random.chance(writes);
        const std::int64_t end = slow.serve(now, transfer, write);
        ASSERT_EQ(fast.serve(now, transfer, write), end) << preset << " transfer " << i;
        if (random.chance(idle)) now = end + random.integer(-200, 2000);
        now = std::max<std::int64_t>(now, 0);
      }
      const DramCounts a = fast.counts(), b = slow.counts();
      EXPECT_EQ(a.reads, b.reads);
      EXPECT_EQ(a.writes, b.writes);
      EXPECT_EQ(a.activates, b.activates);
      EXPECT_EQ(a.forwarded, b.forwarded);
      EXPECT_EQ(a.latency_sum, b.latency_sum);
      EXPECT_EQ(a.latency_max, b.latency_max);
      EXPECT_EQ(a.open_rank_clocks, b.open_rank_clocks);
    }
  }
  EXPECT_GE(transfers, 5000);
}

TEST(DramMemory, LateTransfersStartAtTheirCycle) {
  const auto memory = make_memory("ddr4-2400", 1000);
  const std::int64_t first = memory->serve(0, at(0, 64), false);
  EXPECT_EQ(first, (39 * 833 + 999) / 1000);
  // A row hit: no activate, so tRCD + 1 clock less.
  EXPECT_EQ(memory->serve(1000, at(64, 64), false) - 1000, (22 * 833 + 999) / 1000);
  EXPECT_EQ(memory->serve(2000, bytes(0), false), 2000);
}

TEST(DramMemory, RunsMoveTheBurstsTheyTouch) {
  const DramSpec spec = load_dram("ddr3-1600");
  DramMemory memory(spec, 1000);
  memory.serve(0, at(60, 8), false);  // straddles two bursts
  EXPECT_EQ(memory.counts().reads, 2);
  memory.serve(0, at(4096, 10 * 100, 10, 256), false);  // 100 bytes: two bursts each
  EXPECT_EQ(memory.counts().reads, 2 + 20);
  memory.serve(0, at(1 << 20, 10 * 16, 10, 16), true);  // adjacent: 160 bytes in three bursts
  EXPECT_EQ(memory.counts().writes, 3);
}

TEST(DramMemory, IsNeverFasterThanItsPeak) {
  Random random(5);
  for (const std::string& preset : dram_presets()) {
    const double peak = load_dram(preset).peak_gbps();
    const auto memory = make_memory(preset, 1000);
    std::int64_t end = 0, total = 0;
    for (int i = 0; i < 200; ++i) {
      const auto address = static_cast<std::uint64_t>(random.integer(0, 1 << 20)) * 128;
      const auto transfer = at(address, 128 * random.integer(1, 100));
      // A read that finds its bytes in a waiting write ends before that write does.
      end = std::max(end, memory->serve(0, transfer, random.chance(0.3)));
      total += transfer.bytes;
    }
    EXPECT_LE(static_cast<double>(total) / static_cast<double>(end), peak) << preset;
  }
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
