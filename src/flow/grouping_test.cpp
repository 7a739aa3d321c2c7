#include "flow/grouping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace syncopate::flow {
namespace {

std::vector<std::int32_t> as_is(std::int64_t channels) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(channels));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Taker taker(std::int64_t rows, std::int64_t vector, std::int64_t samples,
            std::vector<std::int32_t> work) {
  Taker result;
  result.rows = rows;
  result.vector = vector;
  result.samples = samples;
  result.work = std::move(work);
  return result;
}

/// Straight from the definition.
double plain_time(const Taker& taker, const std::vector<std::int32_t>& order) {
  double time = 0;
  for (std::int64_t s = 0; s < taker.samples; ++s) {
    std::vector<std::int64_t> rows, passes;
    for (std::size_t place = 0; place < order.size(); ++place) {
      const std::size_t row =
          (static_cast<std::size_t>(taker.offset) + place) / static_cast<std::size_t>(taker.vector);
      rows.resize(std::max(rows.size(), row + 1), 0);
      rows[row] += taker.work[static_cast<std::size_t>(order[place] * taker.samples + s)];
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const std::size_t pass = row / static_cast<std::size_t>(taker.rows);
      passes.resize(std::max(passes.size(), pass + 1), 0);
      passes[pass] = std::max(passes[pass], rows[row]);
    }
    for (const std::int64_t pass : passes) time += static_cast<double>(pass);
  }
  return taker.weight * time;
}

Taker random_taker(std::int64_t channels, Random& random) {
  std::vector<std::int32_t> work;
  const std::int64_t samples = random.integer(1, 20);
  for (std::int64_t i = 0; i < channels * samples; ++i) {
    work.push_back(static_cast<std::int32_t>(random.integer(0, 100)));
  }
  Taker result = taker(random.integer(1, 8), random.integer(1, 5), samples, std::move(work));
  result.offset = random.integer(0, 9);
  result.weight = random.uniform() + 0.5;
  return result;
}

TEST(Grouping, NeverWorseThanAnyStartAndAsTheDefinitionSays) {
  Random random(5);
  for (int i = 0; i < 50; ++i) {
    const std::int64_t channels = random.integer(2, 60);
    const std::vector<Taker> takers = {random_taker(channels, random),
                                       random_taker(channels, random)};
    const std::vector<std::int32_t> first = as_is(channels);
    const std::vector<std::int32_t> second(first.rbegin(), first.rend());
    const std::vector<std::int32_t> order = best_order(takers, {first, second});
    EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), first.begin()));
    EXPECT_EQ(order, best_order(takers, {first, second}));
    EXPECT_DOUBLE_EQ(time_of(takers, order),
                     plain_time(takers[0], order) + plain_time(takers[1], order));
    EXPECT_LE(time_of(takers, order), time_of(takers, first));
    EXPECT_LE(time_of(takers, order), time_of(takers, second));
  }
}

// Two kinds of channels, dense on one half of the samples each, and of equal density: sorting by
// density sees no difference.
TEST(Grouping, PutsChannelsTogetherThatAreDenseTogether) {
  std::vector<std::int32_t> work;
  for (int channel = 0; channel < 8; ++channel) {
    const bool odd = channel % 2 != 0;
    work.insert(work.end(), {odd ? 9 : 1, odd ? 1 : 9});
  }
  const std::vector<Taker> takers = {taker(4, 1, 2, std::move(work))};
  EXPECT_EQ(time_of(takers, as_is(8)), 36);
  EXPECT_EQ(time_of(takers, best_order(takers, {as_is(8)})), 20);
}

TEST(Grouping, GivesRowsOfVectorsAlikeSums) {
  const std::vector<Taker> takers = {taker(4, 2, 1, {8, 7, 6, 5, 4, 3, 2, 1})};
  EXPECT_EQ(time_of(takers, as_is(8)), 15);
  EXPECT_EQ(time_of(takers, deal(as_is(8), 2)), 9);
  EXPECT_EQ(time_of(takers, best_order(takers, {as_is(8)})), 9);
}

TEST(Grouping, DealsToRowsThatAreNotFull) {
  for (const std::int64_t channels : {1, 2, 7, 9, 33}) {
    for (const std::int64_t vector : {1, 2, 4, 40}) {
      const std::vector<std::int32_t> order = deal(as_is(channels), vector);
      ASSERT_EQ(std::ssize(order), channels);
      const auto expected = as_is(channels);
      EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), expected.begin()));
    }
  }
}

}  // namespace
}  // namespace syncopate::flow
