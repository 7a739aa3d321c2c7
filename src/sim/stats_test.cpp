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

}  // namespace
}  // namespace syncopate::sim
