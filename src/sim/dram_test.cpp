#include "sim/dram.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

constexpr std::uint64_t kRow = 1 << 17;    // next row of the same bank, DDR4-2400 of one rank
constexpr std::uint64_t kGroup = 1 << 13;  // same bank and row of the next bank group

std::vector<DramRequest> reads(std::initializer_list<std::uint64_t> addresses) {
  std::vector<DramRequest> trace;
  for (const std::uint64_t address : addresses) trace.push_back({0, address, false});
  return trace;
}

// Clocks and latencies DRAMsim3 (commit 2981759) reports for its DDR4-2400 configuration; Ramulator
// 2.1 (c5b1c3a) is one clock below where they agree.
TEST(DramMicro, MatchesTheToolsOnUnitCases) {
  const DramSpec spec = load_dram("ddr4-2400");
  const auto expect = [&](const std::vector<DramRequest>& trace, std::int64_t clocks,
                          double latency) {
    const DramResult result = replay(spec, trace);
    EXPECT_EQ(result.clocks, clocks);
    EXPECT_NEAR(result.latency_avg, latency, 0.001);
  };
  expect(reads({0}), 40, 39);
  expect(reads({0, 64}), 46, 41.5);
  expect(reads({0, kRow}), 96, 66.5);
  expect(reads({0, kGroup}), 44, 40.5);
  std::vector<DramRequest> row;
  for (std::uint64_t i = 0; i < 128; ++i) row.push_back({0, i * 64, false});
  expect(row, 802, 220.977);
  std::vector<DramRequest> alternating;  // DRAMsim3: 337; Ramulator keeps both rows apart: 262
  for (std::uint64_t i = 0; i < 32; ++i) {
    alternating.push_back({0, i % 2 * kRow + i / 2 * 64, false});
  }
  expect(alternating, 337, 155.812);
  // A write is started at once when nothing reads, as in Ramulator (64); DRAMsim3 lets the read go
  // first (41).
  EXPECT_NEAR(static_cast<double>(
                  replay(spec, std::vector<DramRequest>{{0, 0, true}, {0, 64, false}}).clocks),
              64, 2);
}

struct Row {
  const char* preset;
  const char* pattern;
  std::int64_t gap;
  double clocks;  ///< Of the tool, for 50,000 reads.
};

class DramReference : public ::testing::TestWithParam<Row> {};

// The bar is 10 %; what is held here is what was reached.
TEST_P(DramReference, SustainedBandwidthIsThatOfTheTool) {
  const Row& row = GetParam();
  const DramSpec spec = load_dram(row.preset);
  const DramPattern pattern{dram_pattern_kind(row.pattern), 50'000, row.gap, 0};
  const DramResult result = replay(spec, make_trace(spec, pattern));
  EXPECT_NEAR(static_cast<double>(result.clocks) / row.clocks, 1, 0.02);
  EXPECT_EQ(result.counts.reads, 50'000);
  EXPECT_LE(result.gbps, result.peak_gbps);
}

INSTANTIATE_TEST_SUITE_P(
    DramSim3, DramReference,
    ::testing::Values(
        Row{"lpddr4-2400", "stream", 0, 418822}, Row{"lpddr4-2400", "stream", 16, 800011},
        Row{"lpddr4-2400", "stream", 80, 3999947}, Row{"lpddr4-2400", "random", 0, 406493},
        Row{"lpddr4-2400", "random", 16, 800041}, Row{"lpddr4-2400", "random", 80, 3999977},
        Row{"ddr4-2400", "stream", 0, 255698}, Row{"ddr4-2400", "stream", 8, 400015},
        Row{"ddr4-2400", "stream", 40, 1999983}, Row{"ddr4-2400", "random", 0, 344463},
        Row{"ddr4-2400", "random", 8, 400116}, Row{"ddr4-2400", "random", 40, 2000017},
        Row{"ddr3-1600", "stream", 0, 208045}, Row{"ddr3-1600", "stream", 8, 400009},
        Row{"ddr3-1600", "stream", 40, 1999977}, Row{"ddr3-1600", "random", 0, 418065},
        Row{"ddr3-1600", "random", 8, 418174}, Row{"ddr3-1600", "random", 40, 1999999}));

TEST(DramReference, RamulatorStreamsAndRandomReadsAreWithinTenPercent) {
  const DramSpec spec = load_dram("ddr4-2400");
  const std::map<std::pair<std::string, std::int64_t>, double> rows{
      {{"stream", 0}, 268032}, {{"stream", 8}, 400014}, {{"stream", 40}, 1999982},
      {{"random", 0}, 346203}, {{"random", 8}, 400115}, {{"random", 40}, 2000016}};
  for (const auto& [key, clocks] : rows) {
    const DramPattern pattern{dram_pattern_kind(key.first), 50'000, key.second, 0};
    const DramResult result = replay(spec, make_trace(spec, pattern));
    EXPECT_NEAR(static_cast<double>(result.clocks) / clocks, 1, 0.1) << key.first << key.second;
  }
}

// Holds a command log against the constraints of the standard, pair by pair and without the
// controller's bookkeeping.
class Checker {
 public:
  explicit Checker(const DramSpec& spec) : spec_(spec), t_(spec.timing) {}

  void check(const std::vector<DramCommand>& log) {
    for (std::size_t i = 0; i < log.size(); ++i) {
      follow_rows(log[i]);
      for (std::size_t j = i; j-- > 0 && log[i].clock - log[j].clock < 1000;) {
        const std::int64_t needed = distance(log[j], log[i]);
        ASSERT_GE(log[i].clock - log[j].clock, needed)
            << "commands " << j << " (kind " << static_cast<int>(log[j].kind) << " bank "
            << log[j].bank << ") and " << i << " (kind " << static_cast<int>(log[i].kind)
            << " bank " << log[i].bank << ")";
      }
    }
    four_activates(log);
  }

 private:
  using Kind = DramCommand::Kind;

  int rank(const DramCommand& c) const { return c.bank / spec_.banks(); }
  int group(const DramCommand& c) const { return c.bank / spec_.banks_per_group; }

  void follow_rows(const DramCommand& c) {
    if (c.kind == Kind::activate) {
      ASSERT_FALSE(open_.contains(c.bank)) << "activate of an open bank";
      open_[c.bank] = c.row;
    } else if (c.kind == Kind::precharge) {
      ASSERT_EQ(open_.erase(c.bank), 1U) << "precharge of a closed bank";
    } else if (c.kind == Kind::refresh) {
      for (int b = 0; b < spec_.banks(); ++b) ASSERT_FALSE(open_.contains(c.bank + b));
    } else {
      ASSERT_TRUE(open_.contains(c.bank) && open_[c.bank] == c.row) << "access to a closed row";
    }
  }

  std::int64_t distance(const DramCommand& a, const DramCommand& b) const {
    const bool bank = a.bank == b.bank;
    const bool same_group = group(a) == group(b);
    const bool same_rank = rank(a) == rank(b);
    const std::int64_t burst = spec_.burst_cycles();
    std::int64_t d = a.kind == Kind::precharge && b.kind == Kind::precharge ? 0 : 1;
    const auto need = [&](bool holds, std::int64_t clocks) {
      if (holds) d = std::max(d, clocks);
    };
    const auto pair = [&](Kind first, Kind second) { return a.kind == first && b.kind == second; };
    const bool first_cas = a.kind == Kind::read || a.kind == Kind::write;
    const bool second_cas = b.kind == Kind::read || b.kind == Kind::write;
    need(pair(Kind::activate, Kind::activate) && bank, t_.ras + t_.rp);
    need(pair(Kind::activate, Kind::activate) && same_group, t_.rrd_l);
    need(pair(Kind::activate, Kind::activate) && same_rank, t_.rrd_s);
    need(a.kind == Kind::activate && second_cas && bank, t_.rcd);
    need(pair(Kind::activate, Kind::precharge) && bank, t_.ras);
    need(pair(Kind::precharge, Kind::activate) && bank, t_.rp);
    need(pair(Kind::precharge, Kind::refresh) && same_rank, t_.rp);
    need(a.kind == Kind::refresh && same_rank, t_.rfc);
    need(a.kind == b.kind && first_cas && same_group, std::max(burst, t_.ccd_l));
    need(a.kind == b.kind && first_cas && same_rank, std::max(burst, t_.ccd_s));
    need(pair(Kind::write, Kind::read) && same_group, t_.cwl + burst + t_.wtr_l);
    need(pair(Kind::write, Kind::read) && same_rank, t_.cwl + burst + t_.wtr_s);
    need(pair(Kind::read, Kind::precharge) && bank, t_.rtp);
    need(pair(Kind::write, Kind::precharge) && bank, t_.cwl + burst + t_.wr);
    if (first_cas && second_cas) {  // no two bursts on the bus at once, with turnaround
      const auto data = [&](const DramCommand& c) { return c.kind == Kind::read ? t_.cl : t_.cwl; };
      const bool turn = a.kind != b.kind || !same_rank;
      need(true, data(a) + burst + (turn && pair(Kind::read, Kind::write) ? t_.rtrs : 0) - data(b));
      need(!same_rank, data(a) + burst + t_.rtrs - data(b));
    }
    return d;
  }

  void four_activates(const std::vector<DramCommand>& log) const {
    std::map<int, std::vector<std::int64_t>> clocks;
    for (const DramCommand& c : log) {
      if (c.kind != Kind::activate) continue;
      std::vector<std::int64_t>& own = clocks[rank(c)];
      own.push_back(c.clock);
      if (own.size() > 4) {
        ASSERT_GE(own.back() - own[own.size() - 5], t_.faw);
      }
    }
  }

  const DramSpec& spec_;
  const DramTiming& t_;
  std::map<int, std::int64_t> open_;
};

struct Timed {
  std::vector<DramCommand> log;
  DramCounts counts;
};

/// Plays a trace on one channel, at event clocks only or at every clock.
Timed play(const DramSpec& spec, const std::vector<DramRequest>& trace, bool every_clock) {
  Timed timed;
  DramChannel channel(spec);
  channel.log_commands(&timed.log);
  const DramAddressMap map(spec);
  std::size_t next = 0;
  for (std::int64_t now = 0; next < trace.size() || channel.busy();) {
    if (next < trace.size() && trace[next].clock <= now && channel.can_accept(trace[next].write)) {
      const DramRequest& request = trace[next++];
      channel.accept(now, request.address / static_cast<std::uint64_t>(spec.burst_bytes()),
                     map.place(request.address), request.write);
    }
    std::int64_t wake = channel.tick(now);
    EXPECT_GT(wake, now);
    if (next < trace.size() && channel.can_accept(trace[next].write)) {
      wake = std::min(wake, std::max(now + 1, trace[next].clock));
    }
    now = every_clock ? now + 1 : wake;
  }
  timed.counts = channel.counts();
  return timed;
}

std::vector<DramRequest> random_trace(Random& random, const DramSpec& spec, std::int64_t size) {
  std::vector<DramRequest> trace;
  std::int64_t clock = 0;
  std::uint64_t address = 0;
  const std::int64_t gap = random.integer(0, 12);
  const double writes = random.uniform() < 0.3 ? 0 : random.uniform();
  const double jump = random.uniform();
  for (std::int64_t i = 0; i < size; ++i) {
    clock += random.chance(0.01) ? random.integer(0, 20'000) : random.integer(0, gap);
    address += static_cast<std::uint64_t>(spec.burst_bytes());
    if (random.chance(jump)) address = static_cast<std::uint64_t>(random.integer(0, 1 << 22)) * 64;
    trace.push_back({clock, address, random.chance(writes)});
  }
  return trace;
}

TEST(DramChannel, KeepsEveryConstraintOnRandomTraffic) {
  Random random(11);
  for (const std::string& preset : dram_presets()) {
    const DramSpec spec = load_dram(preset);
    for (int i = 0; i < 6; ++i) {
      const auto trace = random_trace(random, spec, 2000);
      const Timed timed = play(spec, trace, false);
      Checker(spec).check(timed.log);
      ASSERT_FALSE(HasFatalFailure()) << preset;
      ASSERT_EQ(timed.counts.reads + timed.counts.writes, 2000) << preset;
    }
  }
}

TEST(DramChannel, SkippingIdleClocksChangesNothing) {
  Random random(12);
  for (const std::string& preset : dram_presets()) {
    const DramSpec spec = load_dram(preset);
    for (int i = 0; i < 4; ++i) {
      const auto trace = random_trace(random, spec, 600);
      const Timed fast = play(spec, trace, false);
      const Timed slow = play(spec, trace, true);
      ASSERT_EQ(fast.log.size(), slow.log.size()) << preset;
      for (std::size_t c = 0; c < fast.log.size(); ++c) {
        ASSERT_EQ(fast.log[c].clock, slow.log[c].clock) << preset << " command " << c;
        ASSERT_EQ(fast.log[c].bank, slow.log[c].bank) << preset << " command " << c;
      }
      EXPECT_EQ(fast.counts.latency_sum, slow.counts.latency_sum);
    }
  }
}

TEST(DramChannel, ConstraintsAreTight) {
  const DramSpec spec = load_dram("ddr4-2400");
  const DramTiming& t = spec.timing;
  const Timed hit = play(spec, reads({0, 64}), false);
  EXPECT_EQ(hit.log[1].clock - hit.log[0].clock, t.rcd);
  EXPECT_EQ(hit.log[2].clock - hit.log[1].clock, t.ccd_l);
  const Timed conflict = play(spec, reads({0, kRow}), false);
  EXPECT_EQ(conflict.log[2].clock - conflict.log[0].clock, t.ras);  // precharge
  EXPECT_EQ(conflict.log[3].clock - conflict.log[2].clock, t.rp);
  const Timed five = play(spec, reads({0, kGroup, 2 * kGroup, 3 * kGroup, 4 * kGroup}), false);
  std::vector<std::int64_t> activates;
  for (const DramCommand& c : five.log) {
    if (c.kind == DramCommand::Kind::activate) activates.push_back(c.clock);
  }
  ASSERT_EQ(activates.size(), 5U);
  EXPECT_EQ(activates[1] - activates[0], t.rrd_s);
  EXPECT_EQ(activates[4] - activates[0], t.faw);
}

TEST(DramChannel, RefreshesEveryRankOncePerInterval) {
  for (const std::string& preset : dram_presets()) {
    const DramSpec spec = load_dram(preset);
    const DramPattern pattern{DramPattern::Kind::stream, 20'000, 30, 0};
    const DramResult result = replay(spec, make_trace(spec, pattern));
    const std::int64_t expected = result.clocks * spec.ranks / spec.timing.refi;
    EXPECT_NEAR(static_cast<double>(result.counts.refreshes), static_cast<double>(expected), 2);
  }
}

TEST(DramChannel, AReadOfWaitingWriteDataIsAnsweredAtOnce) {
  const DramSpec spec = load_dram("ddr4-2400");
  const std::vector<DramRequest> trace{{0, 0, true}, {1, 0, false}};
  const DramResult result = replay(spec, trace);
  EXPECT_EQ(result.counts.forwarded, 1);
  EXPECT_EQ(result.latency_max, 1);
}

TEST(DramChannel, WritesOfDataStillToBeReadDoNotBlockTheReads) {
  for (const std::string& preset : dram_presets()) {
    const DramSpec spec = load_dram(preset);
    Random random(13);
    std::vector<DramRequest> trace;  // few addresses, so that many writes wait for reads
    for (int i = 0; i < 3000; ++i) {
      const auto address = static_cast<std::uint64_t>(random.integer(0, 1 << 12));
      trace.push_back({0, address, random.chance(0.5)});
    }
    const DramResult result = replay(spec, trace);
    EXPECT_EQ(result.counts.reads + result.counts.writes, 3000) << preset;
    EXPECT_LE(result.clocks, 3000 * spec.timing.rc()) << preset;
  }
}

TEST(DramChannel, OldConflictsAreNotStarvedByRowHits) {
  const DramSpec spec = load_dram("ddr4-2400");
  std::vector<DramRequest> trace = reads({0, kRow});
  for (std::uint64_t i = 1; i < 120; ++i) trace.push_back({0, i * 64, false});
  const Timed timed = play(spec, trace, false);
  int before = 0;
  for (const DramCommand& c : timed.log) {
    if (c.kind == DramCommand::Kind::read && c.row == 1) break;
    before += c.kind == DramCommand::Kind::read ? 1 : 0;
  }
  EXPECT_LE(before, spec.row_hit_cap);
}

TEST(DramEnergy, CountsWhatTheCurrentsSay) {
  const DramSpec spec = load_dram("ddr4-2400");
  const DramResult one = replay(spec, reads({0}));
  EXPECT_EQ(one.counts.activates, 1);
  // V * mA * ns * devices
  EXPECT_NEAR(one.energy.read, 1.2 * (135 - 43) * 4 * 0.833 * 8, 1e-6);
  EXPECT_NEAR(one.energy.activate, 1.2 * 8 * 0.833 * (48.0 * 56 - 43.0 * 39 - 34.0 * 17), 1e-6);
  EXPECT_EQ(one.energy.write, 0);
  EXPECT_GT(one.energy.background, 0);
}

TEST(DramChannels, StreamsUseAllChannels) {
  DramSpec spec = load_dram("ddr3-1600");
  const DramPattern pattern{DramPattern::Kind::stream, 20'000, 0, 0};
  const double one = replay(spec, make_trace(spec, pattern)).gbps;
  spec.channels = 4;
  spec.mapping = "rorababgcoch";
  const double four = replay(spec, make_trace(spec, pattern), 4).gbps;
  EXPECT_NEAR(four / one, 4, 0.2);
}

}  // namespace
}  // namespace syncopate::sim
