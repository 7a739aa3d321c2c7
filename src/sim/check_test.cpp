#include "sim/check.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/random.h"
#include "gconv/fixed_post.h"
#include "sim/plain_sums.h"

namespace syncopate::sim {
namespace {

constexpr std::int64_t kIns = 40, kOuts = 20, kHeight = 6, kWidth = 7;

/// A layer whose engines agree, except for faults put in on purpose.
class FakeRun : public LayerRun {
 public:
  enum class Fault { none, cycles, action, load, sum, total, time };
  FakeRun(const LayerData& data, const map::Tiling& tiling, Fault fault)
      : data_(data), boxes_(map::walk(data.loops(), tiling)), fault_(fault) {}
  std::int64_t tiles() const override { return std::ssize(boxes_); }
  Tile tile(std::int64_t index) const override {
    return {boxes_[static_cast<std::size_t>(index)], {}, {}};
  }
  Stats count(const TimeSink& sink) const override {
    Stats total;
    for (std::int64_t i = 0; i < tiles(); ++i) {
      const TileResult tile = count_tile(i);
      total += tile.stats;
      TileTimes times;
      times.add(tile.stats.cycles + (fault_ == Fault::time && i == 7), tile.loads, tile.stores);
      if (sink) sink(times);
    }
    if (fault_ == Fault::total) ++total.actions[0];
    return total;
  }
  TileResult count_box(const map::TileBox& box) const override {
    TileResult result;
    result.stats.cycles = box.pixels() * (box.in1 - box.in0);
    result.stats.actions = {box.out0, box.in0};
    result.loads.push_back({Stream::neurons, 0, box.pixels()});
    return result;
  }
  ClockedTile clock_box(const map::TileBox& box) const override {
    ClockedTile clocked{count_box(box), plain_sums(data_, box)};
    if (fault_ == Fault::cycles) ++clocked.result.stats.cycles;
    if (fault_ == Fault::action) ++clocked.result.stats.actions[1];
    if (fault_ == Fault::load) clocked.result.loads[0].address += 64;
    if (fault_ == Fault::sum && box.in0 == 16) clocked.sums[3] += 1 << 20;
    return clocked;
  }

 private:
  const LayerData& data_;
  std::vector<map::TileBox> boxes_;
  Fault fault_;
};
using Fault = FakeRun::Fault;

/// A 3x3 convolution with a post per channel, its operands and expected results.
class Check : public ::testing::Test {
 protected:
  void SetUp() override {
    Random random(1);
    add("x", kHeight * kWidth * kIns, random, false);
    add("w", kOuts * kIns * 9, random, true);
    add("y", kHeight * kWidth * kOuts, random, false);
    gconv::GConv g;
    g.name = "conv";
    g.channel = "C";
    g.dims = {{"C", 1, kOuts, 1, kIns, 1, 1, 0, kIns},
              {"H", 1, 1, kHeight, 3, 1, 1, 1, kHeight},
              {"W", 1, 1, kWidth, 3, 1, 1, 1, kWidth}};
    g.main = gconv::Main::mul;
    g.reduce = gconv::Reduce::add;
    g.input = {"x", 0, {1, kWidth * kIns, kIns}};
    g.kernel = gconv::View{"w", 0, {9, 3, 1}};
    g.output = {"y", 0, {1, kWidth * kOuts, kOuts}};
    gconv::FixedPost post;
    for (std::int64_t c = 0; c < kOuts; ++c) {
      post.multiplier.push_back(3 + c);
      post.bias.push_back(c * 1000);
      post.shift.push_back(8);
    }
    post.low = -32767;
    post.high = 32767;
    g.fixed = post;
    chain_.gconvs.push_back(g);
    fill_outputs(post);
  }

  void add(const std::string& name, std::int64_t elements, Random& random, bool constant) {
    Tensor tensor(DType::i16, {elements});
    for (auto& value : tensor.mutable_data<std::int16_t>()) {
      if (random.chance(0.6)) value = static_cast<std::int16_t>(random.integer(-50, 50));
    }
    chain_.tensors[name].elements = elements;
    chain_.tensors[name].dtype = DType::i16;
    if (constant) chain_.tensors[name].constant = tensor;
    values_[name] = tensor;
  }

  void fill_outputs(const gconv::FixedPost& post) {
    const Tensor input = values_["x"], weights = values_["w"];
    const auto x = input.data<std::int16_t>(), w = weights.data<std::int16_t>();
    const auto y = values_["y"].mutable_data<std::int16_t>();
    for (std::int64_t r = 0; r < kHeight; ++r) {
      for (std::int64_t c = 0; c < kWidth; ++c) {
        for (std::int64_t m = 0; m < kOuts; ++m) {
          std::int64_t sum = 0;
          for (std::int64_t k = 0; k < 9 * kIns; ++k) {
            const std::int64_t in = k / 9, a = r + k % 9 / 3 - 1, b = c + k % 3 - 1;
            if (a < 0 || a >= kHeight || b < 0 || b >= kWidth) continue;
            sum += std::int64_t{x[static_cast<std::size_t>((a * kWidth + b) * kIns + in)]} *
                   w[static_cast<std::size_t>(m * kIns * 9 + k)];
          }
          y[static_cast<std::size_t>((r * kWidth + c) * kOuts + m)] =
              static_cast<std::int16_t>(gconv::apply(post, m, sum));
        }
      }
    }
  }

  CheckResult run(CheckOptions options, Fault fault = Fault::none) const {
    LayerData data(chain_, chain_.gconvs[0], map::loops_of(chain_, chain_.gconvs[0]));
    data.set_activations(
        [&](const std::string& name) -> const Tensor& { return values_.at(name); });
    const map::Tiling tiling{map::Order::neuron_reuse, 16, 16, {1, 4, 4}, false, false};
    return check_layer(FakeRun(data, tiling, fault), data, options);
  }

  gconv::Chain chain_;
  std::map<std::string, Tensor> values_;
};

constexpr std::int64_t kAll = kHeight * kWidth * kOuts * kIns * 9;

TEST_F(Check, FullReplaysEverything) {
  const CheckResult result = run({CheckMode::full, 1, 0});
  EXPECT_EQ(result.differences, 0);
  EXPECT_EQ(result.tiles, 2 * 2 * 2 * 3);
  EXPECT_EQ(result.outputs, kHeight * kWidth * kOuts);
  EXPECT_EQ(result.pairs, kAll);
}

TEST_F(Check, SampleStaysWithinItsBudget) {
  const CheckResult some = run({CheckMode::sample, 5, kAll / 2});
  EXPECT_EQ(some.differences, 0);
  EXPECT_GT(some.outputs, 0);
  EXPECT_LE(some.pairs, kAll / 2);
  const CheckResult one = run({CheckMode::sample, 5, 1});
  EXPECT_EQ(one.tiles, 1);
  EXPECT_EQ(one.outputs, 0);
  EXPECT_GT(one.sums, 0);
  EXPECT_EQ(one.differences, 0);
  EXPECT_EQ(run({CheckMode::off, 5, kAll}).tiles, 0);
}

TEST_F(Check, FindsCountsThatDiffer) {
  const CheckResult result = run({CheckMode::full, 1, 0}, Fault::cycles);
  EXPECT_EQ(result.differences, 24);
  ASSERT_EQ(result.first.size(), 10U);
  EXPECT_EQ(to_string(result.first[0]), "conv, tile 0: cycles should be 256, is 257");
  EXPECT_EQ(run({CheckMode::full, 1, 0}, Fault::action).first[0].what, "action 1");
  EXPECT_EQ(run({CheckMode::full, 1, 0}, Fault::load).differences, 24);
}

TEST_F(Check, FindsTotalsThatAreNotTheTiles) {
  const CheckResult total = run({CheckMode::full, 1, 0}, Fault::total);
  ASSERT_EQ(total.differences, 1);
  EXPECT_EQ(total.first[0].what, "action 0");
  const CheckResult time = run({CheckMode::full, 1, 0}, Fault::time);
  ASSERT_EQ(time.differences, 1);
  EXPECT_EQ(time.first[0].tile, 7);
  EXPECT_EQ(time.first[0].what, "cycles on the timeline");
}

TEST_F(Check, FindsWrongValues) {
  const CheckResult result = run({CheckMode::full, 1, 0}, Fault::sum);
  EXPECT_EQ(result.differences, 8);  // One result in each of 4 x 2 blocks.
  EXPECT_EQ(result.first[0].what, "result at pixel (0, 0, 0), output 3");
  std::int64_t found = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    found += run({CheckMode::sample, seed, 1}, Fault::sum).differences;
  }
  EXPECT_GT(found, 0);
}

TEST_F(Check, FindsAWrongExpectation) {
  values_["y"].mutable_data<std::int16_t>()[5] += 1;
  EXPECT_EQ(run({CheckMode::full, 1, 0}).differences, 1);
}

TEST_F(Check, ModesByName) {
  EXPECT_EQ(check_mode_from("full"), CheckMode::full);
  EXPECT_THROW(check_mode_from("some"), InputError);
}

}  // namespace
}  // namespace syncopate::sim
