#include "map/search.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"

namespace syncopate::map {
namespace {

std::vector<Knob> knobs(std::vector<std::size_t> sizes) {
  std::vector<Knob> result;
  for (const std::size_t size : sizes) {
    result.push_back({fmt::format("k{}", result.size()), std::vector<std::string>(size, "x")});
  }
  return result;
}

/// A bowl with its bottom at `bottom`; keeps what was asked for.
struct Bowl {
  Setting bottom;
  std::multiset<Setting> asked;

  std::vector<double> operator()(std::span<const Setting> settings) {
    std::vector<double> costs;
    for (const Setting& setting : settings) {
      asked.insert(setting);
      double cost = 0;
      for (std::size_t k = 0; k < setting.size(); ++k) {
        cost += std::abs(static_cast<double>(setting[k]) - static_cast<double>(bottom[k]));
      }
      costs.push_back(cost);
    }
    return costs;
  }
};

TEST(Search, LooksAtAllSettingsWhenTheyAreFew) {
  Bowl bowl{{2, 0, 1}, {}};
  const SearchResult found = search(knobs({4, 2, 3}), {0, 0, 0}, 24, std::ref(bowl));
  EXPECT_EQ(found.points.size(), 24U);
  EXPECT_EQ(found.points[0].setting, (Setting{0, 0, 0}));
  EXPECT_EQ(found.points[found.best].setting, bowl.bottom);
  for (const Setting& setting : bowl.asked) EXPECT_EQ(bowl.asked.count(setting), 1U);
}

TEST(Search, DescendsWhenTheyAreMany) {
  Bowl bowl{{7, 3, 5, 1}, {}};
  const SearchResult found = search(knobs({10, 10, 10, 10}), {0, 9, 0, 9}, 200, std::ref(bowl));
  EXPECT_EQ(found.points[found.best].setting, bowl.bottom);
  EXPECT_LE(found.points.size(), 200U);
  for (const Setting& setting : bowl.asked) EXPECT_EQ(bowl.asked.count(setting), 1U);
}

TEST(Search, KeepsToItsBudgetAndToWhatIsAllowed) {
  Bowl bowl{{9, 9}, {}};
  EXPECT_EQ(search(knobs({10, 10}), {0, 0}, 7, std::ref(bowl)).points.size(), 7U);
  const auto forbidden = [](std::span<const Setting> settings) {
    std::vector<double> costs;
    for (const Setting& s : settings) {
      costs.push_back(s[0] > 1 ? std::numeric_limits<double>::infinity()
                               : 10 - static_cast<double>(s[0]));
    }
    return costs;
  };
  const SearchResult found = search(knobs({5}), {0}, 10, forbidden);
  EXPECT_EQ(found.points[found.best].setting, Setting{1});
}

TEST(Search, RefusesAStartThatIsNotThere) {
  Bowl bowl{{0}, {}};
  EXPECT_THROW(search(knobs({2}), {2}, 5, std::ref(bowl)), InternalError);
  EXPECT_THROW(search(knobs({2}), {0, 0}, 5, std::ref(bowl)), InternalError);
}

}  // namespace
}  // namespace syncopate::map
