#include "train/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"

namespace syncopate::train {
namespace {

/// Pictures without two equal pixels in a row.
data::DataSet numbered(std::int64_t count) {
  data::DataSet set{"numbered", 2, 5, 7, {}, {}, 1};
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t p = 0; p < set.picture_size(); ++p) {
      set.pixels.push_back(static_cast<std::uint8_t>(1 + (i * 11 + p) % 200));
    }
    set.labels.push_back(0);
  }
  return set;
}

std::vector<std::uint8_t> run(const data::DataSet& set, const Augmentation& how,
                              std::uint64_t seed = 1, std::int64_t epoch = 0) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(set.count()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::uint8_t> out(set.pixels.size());
  const std::vector<std::uint8_t> fill{255, 254};
  augment(set, all, how, fill, seed, epoch, out);
  return out;
}

/// Whether picture `i` of `out` is that of the set moved by (dy, dx), flipped or not.
bool matches(const data::DataSet& set, const std::vector<std::uint8_t>& out, std::int64_t i,
             std::int64_t dy, std::int64_t dx, bool flip) {
  for (std::int64_t c = 0; c < set.channels; ++c) {
    for (std::int64_t y = 0; y < set.height; ++y) {
      for (std::int64_t x = 0; x < set.width; ++x) {
        const std::int64_t sy = y + dy, sx = (flip ? set.width - 1 - x : x) + dx;
        const bool inside = sy >= 0 && sy < set.height && sx >= 0 && sx < set.width;
        const auto at = [&](std::int64_t row, std::int64_t column) {
          return static_cast<std::size_t>(((i * set.channels + c) * set.height + row) * set.width +
                                          column);
        };
        const int expected = inside ? set.pixels[at(sy, sx)] : 255 - static_cast<int>(c);
        if (out[at(y, x)] != expected) return false;
      }
    }
  }
  return true;
}

TEST(Augment, ShiftsAndFlipsEveryWayThereIs) {
  const data::DataSet set = numbered(2000);
  const std::vector<std::uint8_t> out = run(set, {true, 2, 0});
  std::set<std::tuple<std::int64_t, std::int64_t, bool>> seen;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    bool found = false;
    for (std::int64_t dy = -2; dy <= 2; ++dy) {
      for (std::int64_t dx = -2; dx <= 2; ++dx) {
        for (const bool flip : {false, true}) {
          if (!matches(set, out, i, dy, dx, flip)) continue;
          found = true;
          seen.insert({dy, dx, flip});
        }
      }
    }
    ASSERT_TRUE(found) << i;
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST(Augment, EveryOtherEpochShowsAPictureInTheMirror) {
  const data::DataSet set = numbered(400);
  const Augmentation flip{true, 0, 0};
  const auto first = run(set, flip, 1, 0), second = run(set, flip, 1, 1);
  std::int64_t flipped = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const bool now = matches(set, first, i, 0, 0, true);
    EXPECT_TRUE(matches(set, second, i, 0, 0, !now)) << i;
    flipped += now ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(flipped), 200, 40);
  EXPECT_EQ(run(set, flip, 1, 2), first);
  EXPECT_NE(run(set, flip, 2, 0), first);
}

TEST(Augment, ShiftsBeyondThePicture) {
  const data::DataSet set = numbered(300);
  run(set, {true, 20, 0});  // under sanitizers: stays inside its buffers
  const std::vector<std::uint8_t> out = run(set, {false, 20, 0});
  EXPECT_GT(std::ranges::count(out, 255), 300 * 35 / 2);
}

TEST(Augment, CutsASquareOut) {
  const data::DataSet set = numbered(200);
  const std::vector<std::uint8_t> out = run(set, {false, 0, 3});
  for (std::int64_t i = 0; i < set.count(); ++i) {
    std::int64_t cut = 0;
    for (std::int64_t p = 0; p < set.height * set.width; ++p) {
      const auto at = static_cast<std::size_t>(i * set.picture_size() + p);
      cut += out[at] == 255;
      ASSERT_TRUE(out[at] == 255 || out[at] == set.pixels[at]);
    }
    EXPECT_GE(cut, 4);  // a corner
    EXPECT_LE(cut, 9);
  }
}

TEST(Augment, DependsOnSeedEpochAndPictureAlone) {
  const data::DataSet set = numbered(50);
  const Augmentation how{true, 2, 2};
  const std::vector<std::uint8_t> all = run(set, how, 3, 4);
  EXPECT_EQ(all, run(set, how, 3, 4));
  EXPECT_NE(all, run(set, how, 4, 4));
  EXPECT_NE(all, run(set, how, 3, 5));
  const std::vector<std::int64_t> picked{17};
  std::vector<std::uint8_t> one(static_cast<std::size_t>(set.picture_size()));
  augment(set, picked, how, std::vector<std::uint8_t>{255, 254}, 3, 4, one);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + 17 * set.picture_size()));
}

TEST(Augment, LeavesPicturesAloneWhenToldTo) {
  const data::DataSet set = numbered(5);
  EXPECT_EQ(run(set, {}), set.pixels);
}

TEST(Augment, SaysWhichPicturesItFlips) {
  const data::DataSet set = numbered(60);
  const Augmentation how{true, 0, 0};
  const std::vector<std::uint8_t> out = run(set, how, 5, 6);
  const std::vector<std::int64_t> order = epoch_order(set.count(), 5, 6);
  std::vector<std::uint8_t> scratch(out.size());
  const std::vector<std::uint8_t> fill{255, 254};
  const std::vector<bool> flips = augment(set, order, how, fill, 5, 6, scratch);
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_TRUE(matches(set, out, order[i], 0, 0, flips[i])) << order[i];
  }
  EXPECT_GT(std::ranges::count(flips, true), 10);
  EXPECT_GT(std::ranges::count(flips, false), 10);
  EXPECT_EQ(augment(set, order, {}, fill, 5, 6, scratch), std::vector<bool>(60, false));
}

TEST(EpochOrder, IsAnotherPermutationEachEpoch) {
  std::vector<std::int64_t> first = epoch_order(100, 1, 0), second = epoch_order(100, 1, 1);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, epoch_order(100, 1, 0));
  std::ranges::sort(first);
  std::ranges::sort(second);
  EXPECT_EQ(first, second);
  EXPECT_EQ(first.back(), 99);
}

TEST(MeanColor, IsTheMeanOfEachChannel) {
  const data::DataSet set{"two", 2, 1, 2, {10, 20, 0, 0, 30, 40, 255, 255}, {0, 0}, 1};
  EXPECT_EQ(mean_color(set), (std::vector<std::uint8_t>{25, 128}));
}

}  // namespace
}  // namespace syncopate::train
