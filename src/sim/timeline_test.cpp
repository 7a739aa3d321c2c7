#include "sim/timeline.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

/// Moves `rate` bytes a cycle, one transfer after another; 0 means at once.
class FakeMemory : public Memory {
 public:
  explicit FakeMemory(std::int64_t rate) : rate_(rate) {}
  std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool) override {
    if (rate_ == 0) return earliest;
    free_ = std::max(free_, earliest) + (transfer.bytes + rate_ - 1) / rate_;
    return free_;
  }

 private:
  std::int64_t rate_;
  std::int64_t free_ = 0;
};

arch::Spec spec() {
  arch::Spec result;
  result.lanes = 2;
  result.multipliers_per_lane = 2;
  return result;
}

TileResult tile(std::int64_t cycles, std::int64_t load, std::int64_t store) {
  TileResult result;
  result.stats.cycles = cycles;
  result.stats[Cause::work] = 4 * cycles;
  if (load > 0) result.loads.push_back({Stream::neurons, 0, load});
  if (store > 0) result.stores.push_back({Stream::outputs, 0, store});
  return result;
}

/// Adds a layer in pieces of `piece` tiles.
LayerTime add(Timeline& timeline, const std::vector<TileResult>& tiles, std::size_t piece) {
  Stats total;
  TileTimes times;
  for (const TileResult& one : tiles) {
    total += one.stats;
    times.add(one.stats.cycles, one.loads, one.stores);
    if (times.tiles.size() < piece) continue;
    timeline.add(times);
    times.clear();
  }
  timeline.add(times);
  return timeline.end_layer(total);
}

std::int64_t play(const std::vector<TileResult>& tiles, std::int64_t rate,
                  std::size_t piece = 100) {
  FakeMemory memory(rate);
  const arch::Spec machine = spec();
  Timeline timeline(machine, memory);
  return add(timeline, tiles, piece).stats.cycles;
}

TEST(Timeline, KnownExamples) {
  // Nothing to overlap with: load, compute, store.
  EXPECT_EQ(play({tile(10, 5, 3)}, 1), 18);
  // Compute-bound: only the first load and the last store show.
  EXPECT_EQ(play({tile(10, 5, 3), tile(10, 5, 3), tile(10, 5, 3)}, 1), 5 + 30 + 3);
  // Memory-bound: the array waits for loads.
  EXPECT_EQ(play({tile(1, 10, 0), tile(1, 10, 0), tile(1, 10, 0)}, 1), 31);
  // One tile ahead, not two: the third load waits until the first tile has computed.
  EXPECT_EQ(play({tile(10, 1, 0), tile(10, 1, 0), tile(1, 20, 0)}, 1), 11 + 20 + 1);
  // Stores delay the array when both halves of the output buffer wait for memory.
  EXPECT_EQ(play({tile(1, 0, 20), tile(1, 0, 20), tile(1, 0, 20)}, 1), 1 + 20 + 20 + 20);
}

TEST(Timeline, ThirdOutputBlockWaitsForTheFirstStore) {
  // Without the limit of two output halves the last tile would end at 3 and its load, behind the
  // stores, decide; with it the array itself stalls until 21.
  FakeMemory memory(1);
  const arch::Spec machine = spec();
  Timeline timeline(machine, memory);
  const LayerTime layer =
      add(timeline, {tile(1, 0, 20), tile(1, 0, 20), tile(50, 0, 0), tile(1, 0, 1)}, 2);
  EXPECT_EQ(layer.end, 21 + 50 + 1 + 1);
}

TEST(Timeline, BoundsAndConservation) {
  Random random(1);
  const arch::Spec machine = spec();
  for (int i = 0; i < 300; ++i) {
    const std::int64_t rate = random.integer(1, 8);
    FakeMemory memory(rate);
    Timeline timeline(machine, memory);
    std::int64_t previous_end = 0;
    for (int l = 0; l < 3; ++l) {
      std::vector<TileResult> tiles;
      std::int64_t compute = 0, moved = 0;
      for (std::int64_t t = random.integer(0, 12); t > 0; --t) {
        tiles.push_back(tile(random.integer(0, 50), random.integer(0, 99), random.integer(0, 99)));
        compute += tiles.back().stats.cycles;
        using List = std::span<const Transfer>;
        for (const List list : {List(tiles.back().loads), List(tiles.back().stores)}) {
          for (const Transfer& transfer : list) moved += (transfer.bytes + rate - 1) / rate;
        }
      }
      const LayerTime layer = add(timeline, tiles, 100);
      EXPECT_EQ(layer.begin, previous_end);
      EXPECT_EQ(layer.end - layer.begin, layer.stats.cycles);
      EXPECT_EQ(layer.compute_cycles, compute);
      EXPECT_EQ(layer.memory_cycles, moved);
      EXPECT_GE(layer.stats.cycles, std::max(compute, moved));
      EXPECT_LE(layer.stats.cycles, compute + moved);
      EXPECT_EQ(layer.stats[Cause::memory], 4 * (layer.stats.cycles - compute));
      EXPECT_NO_THROW(verify(layer.stats, machine.multipliers(), "layer"));
      EXPECT_EQ(play(tiles, 0), compute);
      EXPECT_LE(play(tiles, rate + 1), play(tiles, rate));
      EXPECT_EQ(play(tiles, rate, 1), play(tiles, rate));
      EXPECT_EQ(play(tiles, rate, 3), play(tiles, rate));
      previous_end = layer.end;
    }
    EXPECT_EQ(timeline.now(), previous_end);
  }
}

/// The same memory, one transfer at a time.
class OneByOne : public Memory {
 public:
  explicit OneByOne(Memory& memory) : memory_(memory) {}
  std::int64_t serve(std::int64_t earliest, const Transfer& transfer, bool write) override {
    return memory_.serve(earliest, transfer, write);
  }

 private:
  Memory& memory_;
};

TEST(Timeline, ByBytesAloneIsAsTransferByTransfer) {
  const arch::Spec machine = spec();
  Random random(5);
  for (const char* preset : {"ideal-0.9", "ideal-3.777", "ideal-25.6"}) {
    const auto together = make_memory(preset, 980), apart = make_memory(preset, 980);
    ASSERT_TRUE(together->bytes_alone());
    OneByOne single(*apart);
    Timeline bytes(machine, *together), transfers(machine, single);
    for (int layer = 0; layer < 20; ++layer) {
      std::vector<TileResult> tiles;
      for (std::int64_t t = random.integer(1, 40); t > 0; --t) {
        TileResult& one = tiles.emplace_back(tile(random.integer(0, 60), 0, 0));
        for (std::int64_t n = random.integer(0, 4); n > 0; --n) {
          one.loads.push_back({Stream::neurons, 0, random.integer(0, 90)});
        }
        for (std::int64_t n = random.integer(0, 2); n > 0; --n) {
          one.stores.push_back({Stream::outputs, 0, random.integer(0, 90)});
        }
      }
      const LayerTime a = add(bytes, tiles, 7), b = add(transfers, tiles, 7);
      EXPECT_EQ(a.end, b.end);
      EXPECT_EQ(a.memory_cycles, b.memory_cycles);
      EXPECT_TRUE(a.stats == b.stats);
    }
  }
}

TEST(Timeline, RefusesTotalsThatBreakTheLaws) {
  const arch::Spec machine = spec();
  const auto end = [&](const Stats& total) {
    FakeMemory memory(1);
    Timeline timeline(machine, memory);
    TileTimes times;
    times.add(10, {}, {});
    timeline.add(times);
    timeline.end_layer(total);
  };
  const Stats right = tile(10, 0, 0).stats;
  EXPECT_NO_THROW(end(right));
  EXPECT_THROW(end(tile(11, 0, 0).stats), InternalError);
  Stats wrong = right;
  wrong[Cause::work] -= 1;
  EXPECT_THROW(end(wrong), InternalError);
  wrong[Cause::memory] += 1;
  EXPECT_THROW(end(wrong), InternalError);
}

}  // namespace
}  // namespace syncopate::sim
