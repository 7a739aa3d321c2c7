#include "sim/lanes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

using Beats = std::vector<std::vector<std::int32_t>>;  // [step][lane]

Beats random_beats(Random& random) {
  const auto lanes = static_cast<std::size_t>(random.integer(1, 9));
  const auto steps = static_cast<std::size_t>(random.integer(0, 30));
  const std::int64_t most = random.integer(0, 20);
  Beats beats(steps, std::vector<std::int32_t>(lanes));
  for (auto& step : beats) {
    for (auto& beat : step) beat = static_cast<std::int32_t>(random.integer(0, most));
  }
  return beats;
}

Lanes play(const Beats& beats, std::size_t lanes, std::int64_t slack) {
  Lanes result(static_cast<std::int64_t>(lanes), slack);
  for (const auto& step : beats) result.step(step);
  return result;
}

/// The recurrence written down as in DESIGN, with full history.
std::int64_t by_definition(const Beats& beats, std::size_t lanes, std::int64_t slack) {
  std::vector<std::vector<std::int64_t>> finish;
  std::vector<std::int64_t> release;
  for (std::size_t t = 0; t < beats.size(); ++t) {
    finish.emplace_back(lanes);
    for (std::size_t l = 0; l < lanes; ++l) {
      const std::int64_t before = t == 0 ? 0 : finish[t - 1][l];
      const auto now = static_cast<std::int64_t>(t);
      const std::int64_t gate = now >= slack ? release[static_cast<std::size_t>(now - slack)] : 0;
      finish[t][l] = std::max(before, gate) + beats[t][l];
    }
    release.push_back(*std::max_element(finish[t].begin(), finish[t].end()));
  }
  return release.empty() ? 0 : release.back();
}

TEST(Lanes, LockStepIsTheSumOfMaxima) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    Beats beats = random_beats(random);
    if (beats.empty()) continue;
    std::int64_t expected = 0;
    for (const auto& step : beats) expected += *std::max_element(step.begin(), step.end());
    EXPECT_EQ(play(beats, beats[0].size(), 1).makespan(), expected);
  }
}

TEST(Lanes, FreeRunningIsTheLargestSum) {
  Random random(2);
  for (int i = 0; i < 300; ++i) {
    Beats beats = random_beats(random);
    if (beats.empty()) continue;
    std::int64_t expected = 0;
    for (std::size_t lane = 0; lane < beats[0].size(); ++lane) {
      std::int64_t sum = 0;
      for (const auto& step : beats) sum += step[lane];
      expected = std::max(expected, sum);
    }
    EXPECT_EQ(play(beats, beats[0].size(), kFreeRunning).makespan(), expected);
    EXPECT_EQ(play(beats, beats[0].size(), 1000).makespan(), expected);
  }
}

TEST(Lanes, MatchesTheDefinitionAndMoreSlackNeverHurts) {
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    Beats beats = random_beats(random);
    if (beats.empty()) continue;
    const std::size_t lanes = beats[0].size();
    std::int64_t before = INT64_MAX;
    for (std::int64_t slack = 1; slack <= 12; ++slack) {
      const Lanes played = play(beats, lanes, slack);
      EXPECT_EQ(played.makespan(), by_definition(beats, lanes, slack));
      EXPECT_LE(played.makespan(), before);
      before = played.makespan();
    }
  }
}

TEST(Lanes, WaitedIsWhatTheBeatsLeave) {
  Random random(4);
  for (int i = 0; i < 300; ++i) {
    Beats beats = random_beats(random);
    if (beats.empty()) continue;
    const auto lanes = static_cast<std::int64_t>(beats[0].size());
    std::int64_t sum = 0;
    for (const auto& step : beats) {
      for (std::int32_t beat : step) sum += beat;
    }
    const Lanes played = play(beats, beats[0].size(), random.integer(1, 5));
    EXPECT_EQ(played.waited(), lanes * played.makespan() - sum);
    EXPECT_GE(played.waited(), 0);
  }
}

TEST(Lanes, KnownExample) {
  // First one lane is slow, then the other: one step of slack hides part of the wait.
  const Beats beats = {{1, 4}, {1, 4}, {4, 1}, {4, 1}};
  EXPECT_EQ(play(beats, 2, 1).makespan(), 16);
  EXPECT_EQ(play(beats, 2, 2).makespan(), 12);
  EXPECT_EQ(play(beats, 2, kFreeRunning).makespan(), 10);
}

TEST(Lanes, RefusesNonsense) {
  EXPECT_THROW(Lanes(0, 1), InternalError);
  EXPECT_THROW(Lanes(1, 0), InternalError);
  Lanes lanes(2, 1);
  EXPECT_THROW(lanes.step(std::vector<std::int32_t>{1}), InternalError);
}

}  // namespace
}  // namespace syncopate::sim
