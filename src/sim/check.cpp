#include "sim/check.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "gconv/fixed_post.h"
#include "sim/plain_sums.h"

namespace syncopate::sim {
namespace {

constexpr std::size_t kReported = 10;

/// Tiles [begin, end) that share a block of outputs: its input blocks.
struct Block {
  std::int64_t begin = 0, end = 0;
};

std::int64_t pairs_of(const map::Loops& loops, const map::TileBox& box) {
  return box.pixels() * (box.out1 - box.out0) * (box.in1 - box.in0) * loops.kernel_size();
}

/// The block that a tile belongs to.
Block block_around(const LayerRun& run, std::int64_t tile) {
  Block block{tile, tile + 1};
  while (!run.tile(block.begin).box.first) {
    if (--block.begin < 0) broken("a layer's first tile continues a block of outputs");
  }
  while (block.end < run.tiles() && !run.tile(block.end).box.first) ++block.end;
  return block;
}

std::vector<Block> all_blocks(const LayerRun& run) {
  std::vector<Block> blocks;
  for (std::int64_t t = 0; t < run.tiles(); t = blocks.back().end) {
    blocks.push_back(block_around(run, t));
  }
  return blocks;
}

/// What a sample replays: whole blocks of outputs that fit the budget, or else single tiles, at
/// least one.
struct Sample {
  std::vector<Block> blocks;
  std::vector<std::int64_t> tiles;
};

/// One of several tiles drawn at random, with a probability inversely proportional to its pairs:
/// every tile keeps a chance, and small ones at the edges of a layer spare time.
std::int64_t draw_tile(const LayerRun& run, const map::Loops& loops, Random& random) {
  constexpr std::size_t kCandidates = 8;
  std::array<std::int64_t, kCandidates> tiles;
  std::array<double, kCandidates> chances;
  double sum = 0;
  for (std::size_t i = 0; i < kCandidates; ++i) {
    tiles[i] = random.integer(0, run.tiles() - 1);
    const std::int64_t pairs = std::max<std::int64_t>(1, pairs_of(loops, run.tile(tiles[i]).box));
    chances[i] = 1 / static_cast<double>(pairs);
    sum += chances[i];
  }
  double left = random.uniform() * sum;
  for (std::size_t i = 0; i + 1 < kCandidates; ++i) {
    left -= chances[i];
    if (left < 0) return tiles[i];
  }
  return tiles.back();
}

/// Draws tiles at random and takes the blocks around them, until the budget is spent or several
/// blocks in a row do not fit it.
Sample draw(const LayerRun& run, const map::Loops& loops, const CheckOptions& options) {
  constexpr int kTries = 16;
  constexpr std::int64_t kPairsPerOutput = 8;  // What a result through the post takes, about.
  Sample sample;
  Random random(options.seed);
  std::set<std::int64_t> known;
  std::int64_t left = options.pairs;
  for (int tries = 0; tries < kTries && left > 0; ++tries) {
    const std::int64_t tile = random.integer(0, run.tiles() - 1);
    const Block block = block_around(run, tile);
    if (!known.insert(block.begin).second) continue;
    std::int64_t pairs = 0;
    for (std::int64_t t = block.begin; t < block.end && pairs <= left; ++t) {
      pairs += pairs_of(loops, run.tile(t).box);
    }
    if (pairs > left) continue;
    const map::TileBox outputs = run.tile(block.begin).box;
    left -= pairs + kPairsPerOutput * outputs.pixels() * (outputs.out1 - outputs.out0);
    sample.blocks.push_back(block);
    tries = 0;
  }
  if (!sample.blocks.empty()) return sample;
  while (left > 0) {
    const std::int64_t tile = draw_tile(run, loops, random);
    left -= pairs_of(loops, run.tile(tile).box);
    if (left < 0 && !sample.tiles.empty()) break;
    sample.tiles.push_back(tile);
  }
  return sample;
}

class LayerCheck {
 public:
  LayerCheck(const LayerRun& run, const LayerData& data)
      : run_(run), data_(data), channels_(map::post_channels(data.chain(), data.gconv())) {}

  /// All tiles of a block of outputs, down to the results.
  CheckResult block(const Block& block) const;
  /// One tile, down to its partial sums.
  CheckResult tile(std::int64_t index) const;
  /// That all tiles' counts add up to the layer's, and that the timeline is told the same.
  CheckResult totals() const;

 private:
  std::vector<std::int64_t> clock(std::int64_t index, CheckResult& result) const;
  void compare_results(const map::TileBox& box, std::int64_t tile,
                       const std::vector<std::int64_t>& sums, CheckResult& result) const;
  void compare(std::int64_t tile, std::int64_t expected, std::int64_t found, CheckResult& result,
               auto&& what) const;
  void compare_stats(std::int64_t tile, const Stats& expected, const Stats& found,
                     CheckResult& result) const;
  void compare_transfers(std::int64_t tile, std::string_view what,
                         std::span<const Transfer> expected, std::span<const Transfer> found,
                         CheckResult& result) const;

  const LayerRun& run_;
  const LayerData& data_;
  map::Access channels_;
};

/// Records a difference; `what` makes its name, only when needed.
void LayerCheck::compare(std::int64_t tile, std::int64_t expected, std::int64_t found,
                         CheckResult& result, auto&& what) const {
  if (expected == found) return;
  ++result.differences;
  if (result.first.size() >= kReported) return;
  result.first.push_back({data_.gconv().name, tile, what(), expected, found});
}

void LayerCheck::compare_stats(std::int64_t tile, const Stats& expected, const Stats& found,
                               CheckResult& result) const {
  const auto check = [&](std::string_view what, std::int64_t Stats::* member) {
    compare(tile, expected.*member, found.*member, result, [&] { return std::string(what); });
  };
  check("cycles", &Stats::cycles);
  check("pairs required", &Stats::pairs_required);
  check("pairs issued", &Stats::pairs_issued);
  check("pairs effectual", &Stats::pairs_effectual);
  check("neuron bytes read", &Stats::neuron_read_bytes);
  check("synapse bytes read", &Stats::synapse_read_bytes);
  check("index bytes read", &Stats::index_read_bytes);
  check("bytes written", &Stats::write_bytes);
  for (std::size_t i = 0; i < kCauses; ++i) {
    compare(tile, expected.causes[i], found.causes[i], result,
            [&] { return fmt::format("cause '{}'", name_of(static_cast<Cause>(i))); });
  }
  const auto kinds = std::max(expected.actions.size(), found.actions.size());
  for (std::size_t i = 0; i < kinds; ++i) {
    compare(tile, i < expected.actions.size() ? expected.actions[i] : 0,
            i < found.actions.size() ? found.actions[i] : 0, result,
            [&] { return fmt::format("action {}", i); });
  }
}

void LayerCheck::compare_transfers(std::int64_t tile, std::string_view what,
                                   std::span<const Transfer> expected,
                                   std::span<const Transfer> found, CheckResult& result) const {
  if (std::equal(expected.begin(), expected.end(), found.begin(), found.end())) return;
  const auto bytes = [](std::span<const Transfer> transfers) {
    std::int64_t sum = 0;
    for (const Transfer& transfer : transfers) sum += transfer.bytes;
    return sum;
  };
  if (bytes(expected) != bytes(found)) {
    compare(tile, bytes(expected), bytes(found), result,
            [&] { return fmt::format("bytes of {}", what); });
    return;
  }
  const auto count = static_cast<std::int64_t>(expected.size());
  compare(tile, count, count == static_cast<std::int64_t>(found.size()) ? -1 : std::ssize(found),
          result, [&] { return fmt::format("transfers of {} (-1: same number and bytes)", what); });
}

std::vector<std::int64_t> LayerCheck::clock(std::int64_t index, CheckResult& result) const {
  ClockedTile clocked = run_.clock(index);
  const TileResult expected = run_.count_tile(index);
  compare_stats(index, expected.stats, clocked.result.stats, result);
  compare_transfers(index, "loads", expected.loads, clocked.result.loads, result);
  compare_transfers(index, "stores", expected.stores, clocked.result.stores, result);
  const map::TileBox box = run_.tile(index).box;
  const auto sums = static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0));
  compare(index, static_cast<std::int64_t>(sums), std::ssize(clocked.sums), result,
          [] { return std::string("number of partial sums"); });
  clocked.sums.resize(sums, 0);
  ++result.tiles;
  result.pairs += pairs_of(data_.loops(), box);
  return std::move(clocked.sums);
}

CheckResult LayerCheck::tile(std::int64_t index) const {
  CheckResult result;
  const map::TileBox box = run_.tile(index).box;
  const std::vector<std::int64_t> found = clock(index, result);
  const std::vector<std::int64_t> expected = plain_sums(data_, box);
  const std::int64_t outs = box.out1 - box.out0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    compare(index, expected[i], found[i], result, [&] {
      return fmt::format("partial sum of pixel {}, output {}", static_cast<std::int64_t>(i) / outs,
                         static_cast<std::int64_t>(i) % outs);
    });
  }
  result.sums += std::ssize(found);
  return result;
}

CheckResult LayerCheck::block(const Block& block) const {
  CheckResult result;
  std::vector<std::int64_t> sums;
  for (std::int64_t t = block.begin; t < block.end; ++t) {
    const std::vector<std::int64_t> part = clock(t, result);
    if (sums.empty()) {
      sums = part;
    } else {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
    }
  }
  compare_results(run_.tile(block.begin).box, block.end - 1, sums, result);
  return result;
}

CheckResult LayerCheck::totals() const {
  CheckResult result;
  Stats sum;
  std::int64_t index = 0;
  const Stats total = run_.count([&](const TileTimes& times) {
    const Transfer* at = times.transfers.data();
    for (const TileTimes::Tile& told : times.tiles) {
      const TileResult tile = run_.count_tile(index);
      sum += tile.stats;
      compare(index, tile.stats.cycles, told.cycles, result,
              [] { return std::string("cycles on the timeline"); });
      compare_transfers(index, "loads on the timeline", tile.loads, {at, told.loads}, result);
      at += told.loads;
      compare_transfers(index, "stores on the timeline", tile.stores, {at, told.stores}, result);
      at += told.stores;
      ++index;
    }
  });
  compare(index, run_.tiles(), index, result, [] { return std::string("tiles on the timeline"); });
  compare_stats(index, sum, total, result);
  return result;
}

/// Sends sums through the post and compares them with the chain's results.
void LayerCheck::compare_results(const map::TileBox& box, std::int64_t tile,
                                 const std::vector<std::int64_t>& sums, CheckResult& result) const {
  const map::Loops& loops = data_.loops();
  const auto& fixed = data_.gconv().fixed;
  std::size_t at = 0;
  for_each_pixel(box, [&](const std::array<std::int64_t, 3>& pixel) {
    const std::int64_t row =
        ((box.batch * loops.out[0] + pixel[0]) * loops.out[1] + pixel[1]) * loops.out[2] + pixel[2];
    for (std::int64_t out = box.out0; out < box.out1; ++out) {
      const std::int64_t position = row * loops.groups * loops.outs + box.group * loops.outs + out;
      const std::int64_t sum = sums[at++];
      const std::int64_t found =
          fixed ? gconv::apply(*fixed, channels_.address(position), sum) : sum;
      compare(tile, data_.output()[static_cast<std::size_t>(position)], found, result, [&] {
        return fmt::format("result at pixel ({}, {}, {}), output {}", pixel[0], pixel[1], pixel[2],
                           out);
      });
      ++result.outputs;
    }
  });
}

}  // namespace

CheckMode check_mode_from(std::string_view name) {
  if (name == "off") return CheckMode::off;
  if (name == "sample") return CheckMode::sample;
  if (name == "full") return CheckMode::full;
  fail("check '{}' is none of: full, sample, off", name);
}

std::string to_string(const Mismatch& m) {
  return fmt::format("{}, tile {}: {} should be {}, is {}", m.layer, m.tile, m.what, m.expected,
                     m.found);
}

CheckResult& CheckResult::operator+=(const CheckResult& other) {
  tiles += other.tiles;
  pairs += other.pairs;
  sums += other.sums;
  outputs += other.outputs;
  differences += other.differences;
  for (const Mismatch& mismatch : other.first) {
    if (first.size() < kReported) first.push_back(mismatch);
  }
  return *this;
}

CheckResult check_layer(const LayerRun& run, const LayerData& data, const CheckOptions& options) {
  CheckResult total;
  if (options.mode == CheckMode::off || run.tiles() == 0) return total;
  const LayerCheck check(run, data);
  Sample sample;
  if (options.mode == CheckMode::full) {
    sample.blocks = all_blocks(run);
  } else {
    sample = draw(run, data.loops(), options);
  }
  std::sort(sample.blocks.begin(), sample.blocks.end(),
            [](const Block& a, const Block& b) { return a.begin < b.begin; });
  const std::size_t blocks = sample.blocks.size();
  std::vector<CheckResult> results(blocks + sample.tiles.size());
  tbb::parallel_for(std::size_t{0}, results.size(), [&](std::size_t i) {
    results[i] = i < blocks ? check.block(sample.blocks[i]) : check.tile(sample.tiles[i - blocks]);
  });
  for (const CheckResult& result : results) total += result;
  if (options.mode == CheckMode::full) total += check.totals();
  return total;
}

}  // namespace syncopate::sim
