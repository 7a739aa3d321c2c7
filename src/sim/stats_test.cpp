#include "sim/stats.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace syncopate::sim {
namespace {

Stats sample(std::int64_t seed) {
  Stats stats;
  stats.cycles = seed;
  for (std::size_t i = 0; i < kCauses; ++i) {
    stats.causes[i] = seed * static_cast<std::int64_t>(i + 1);
  }
  stats.pairs_required = seed + 3;
  stats.pairs_issued = seed + 2;
  stats.pairs_effectual = seed + 1;
  stats.neuron_read_bytes = 2 * seed;
  stats.synapse_read_bytes = 3 * seed;
  stats.index_read_bytes = 4 * seed;
  stats.write_bytes = 5 * seed;
  stats.actions = {seed, -seed};
  return stats;
}

TEST(Stats, SubtractionUndoesAddition) {
  Stats stats = sample(7);
  stats += sample(100);
  EXPECT_EQ(stats.cycles, 107);
  EXPECT_EQ(stats[Cause::memory], 7 * 107);
  EXPECT_EQ(stats.dram_bytes(), 14 * 107);
  EXPECT_EQ(stats.actions, (std::vector<std::int64_t>{107, -107}));
  stats -= sample(100);
  EXPECT_EQ(stats, sample(7));
}

TEST(Stats, DefaultIsNeutral) {
  Stats stats;
  stats += sample(5);
  EXPECT_EQ(stats, sample(5));
  stats += Stats{};
  EXPECT_EQ(stats, sample(5));
}

TEST(Stats, RefusesOtherMachinesActions) {
  Stats stats = sample(5);
  Stats other;
  other.actions = {1, 2, 3};
  EXPECT_THROW(stats += other, InternalError);
}

TEST(Stats, LawsAreHeld) {
  Stats good;
  good.cycles = 10;
  good[Cause::work] = 30;
  good[Cause::bubble] = 10;
  good.pairs_required = 60;
  good.pairs_issued = 40;
  good.pairs_effectual = 30;
  EXPECT_NO_THROW(verify(good, 4, "tile"));
  const auto breaks = [&](auto&& change) {
    Stats bad = good;
    change(bad);
    EXPECT_THROW(verify(bad, 4, "tile"), InternalError);
  };
  breaks([](Stats& s) { s.cycles = 11; });
  breaks([](Stats& s) { s[Cause::memory] = 1; });
  breaks([](Stats& s) { s[Cause::fill] = -10, s[Cause::work] = 40; });
  breaks([](Stats& s) { s.pairs_effectual = 41; });
  breaks([](Stats& s) { s.pairs_issued = 61; });
  breaks([](Stats& s) { s.pairs_issued = 41; });
  breaks([](Stats& s) { s.actions = {-1}; });
  breaks([](Stats& s) { s.write_bytes = -1; });
}

}  // namespace
}  // namespace syncopate::sim
