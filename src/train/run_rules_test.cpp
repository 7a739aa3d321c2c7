#include "train/run_rules.h"

#include <gtest/gtest.h>

namespace syncopate::train {
namespace {

TEST(RunRules, TheRateGrowsThenFallsAsTheScheduleSays) {
  Options options;
  options.epochs = 10;
  options.rate = 0.8;
  options.warmup_epochs = 1;
  constexpr std::int64_t kSteps = 100;
  EXPECT_LT(rate_at(options, 0, kSteps), 0.01);
  EXPECT_LT(rate_at(options, 98, kSteps), rate_at(options, 99, kSteps));
  EXPECT_DOUBLE_EQ(rate_at(options, 100, kSteps), 0.8);
  EXPECT_NEAR(rate_at(options, 550, kSteps), 0.4, 1e-12) << "half of the cosine";
  EXPECT_LT(rate_at(options, 999, kSteps), 1e-4);
  options.warmup_epochs = 0;
  options.schedule = Schedule::steps;
  EXPECT_DOUBLE_EQ(rate_at(options, 499, kSteps), 0.8);
  EXPECT_DOUBLE_EQ(rate_at(options, 500, kSteps), 0.08);
  EXPECT_DOUBLE_EQ(rate_at(options, 750, kSteps), 0.008);
  options.schedule = Schedule::constant;
  EXPECT_DOUBLE_EQ(rate_at(options, 999, kSteps), 0.8);
  options.schedule = Schedule::cosine;
  options.average = 0.25;
  EXPECT_EQ(averaged_steps(options, 1000), 250);
  EXPECT_GT(rate_at(options, 740, kSteps), rate_at(options, 750, kSteps));
  EXPECT_DOUBLE_EQ(rate_at(options, 999, kSteps), rate_at(options, 750, kSteps))
      << "it stays while weights are averaged";
}

TEST(RunRules, MasksAreChosenBeforeWeightsAreAveraged) {
  Options options;
  EXPECT_EQ(choosing_steps(options, 128), 64);
  options.average = 0.7;  // of the last 90
  EXPECT_EQ(choosing_steps(options, 128), 38);
}

}  // namespace
}  // namespace syncopate::train
