#include "sim/check.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "gconv/fixed_post.h"
#include "sim/plain_sums.h"

namespace syncopate::sim {
namespace {

constexpr std::size_t kReported = 10;

/// Tiles [begin, end) that share a block of outputs: its input blocks.
struct Block {
  std::size_t begin = 0, end = 0;
  std::int64_t pairs = 0;
};

std::int64_t pairs_of(const map::Loops& loops, const map::TileBox& box) {
  return box.pixels() * (box.out1 - box.out0) * (box.in1 - box.in0) * loops.kernel_size();
}

std::vector<Block> blocks_of(const map::Loops& loops, std::span<const Tile> tiles) {
  std::vector<Block> blocks;
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    if (tiles[t].box.first) blocks.push_back({t, t, 0});
    if (blocks.empty()) broken("a layer's first tile continues a block of outputs");
    blocks.back().end = t + 1;
    blocks.back().pairs += pairs_of(loops, tiles[t].box);
  }
  return blocks;
}

/// Draws blocks that fit the budget, at random; all of them in full mode.
std::vector<Block> draw_blocks(const std::vector<Block>& blocks, const CheckOptions& options) {
  if (options.mode == CheckMode::full) return blocks;
  Random random(options.seed);
  std::vector<Block> drawn;
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::int64_t left = options.pairs;
  for (std::size_t i = 0; i < order.size() && left > 0; ++i) {
    const auto last = static_cast<std::int64_t>(order.size()) - 1;
    std::swap(order[i],
              order[static_cast<std::size_t>(random.integer(static_cast<std::int64_t>(i), last))]);
    const Block& block = blocks[order[i]];
    if (block.pairs > left) continue;
    left -= block.pairs;
    drawn.push_back(block);
  }
  return drawn;
}

/// Single tiles within the budget, at least one, for layers whose blocks are all too large.
std::vector<std::size_t> draw_tiles(const map::Loops& loops, std::span<const Tile> tiles,
                                    const CheckOptions& options) {
  Random random(options.seed);
  std::vector<std::size_t> drawn;
  std::int64_t left = options.pairs;
  for (std::size_t i = 0; i < tiles.size() && left > 0; ++i) {
    const auto t =
        static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(tiles.size()) - 1));
    left -= pairs_of(loops, tiles[t].box);
    if (left < 0 && !drawn.empty()) break;
    drawn.push_back(t);
  }
  return drawn;
}

class LayerCheck {
 public:
  LayerCheck(const Machine& machine, const Program& program, std::size_t layer,
             const LayerData& data, std::span<const Tile> tiles,
             std::span<const TileResult> counted)
      : machine_(machine),
        program_(program),
        layer_(layer),
        data_(data),
        tiles_(tiles),
        counted_(counted),
        channels_(map::post_channels(data.chain(), data.gconv())) {}

  /// All tiles of a block of outputs, down to the results.
  CheckResult block(const Block& block) const;
  /// One tile, down to its partial sums.
  CheckResult tile(std::size_t index) const;

 private:
  std::vector<std::int64_t> clock(std::size_t index, CheckResult& result) const;
  void compare_results(std::size_t tile, const std::vector<std::int64_t>& sums,
                       CheckResult& result) const;
  void compare(std::size_t tile, std::int64_t expected, std::int64_t found, CheckResult& result,
               auto&& what) const;
  void compare_stats(std::size_t tile, const Stats& expected, const Stats& found,
                     CheckResult& result) const;
  void compare_transfers(std::size_t tile, std::string_view what,
                         std::span<const Transfer> expected, std::span<const Transfer> found,
                         CheckResult& result) const;

  const Machine& machine_;
  const Program& program_;
  std::size_t layer_;
  const LayerData& data_;
  std::span<const Tile> tiles_;
  std::span<const TileResult> counted_;
  map::Access channels_;
};

/// Records a difference; `what` makes its name, only when needed.
void LayerCheck::compare(std::size_t tile, std::int64_t expected, std::int64_t found,
                         CheckResult& result, auto&& what) const {
  if (expected == found) return;
  ++result.differences;
  if (result.first.size() >= kReported) return;
  result.first.push_back({data_.gconv().name, tile, what(), expected, found});
}

void LayerCheck::compare_stats(std::size_t tile, const Stats& expected, const Stats& found,
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

void LayerCheck::compare_transfers(std::size_t tile, std::string_view what,
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

std::vector<std::int64_t> LayerCheck::clock(std::size_t index, CheckResult& result) const {
  ClockedTile clocked = machine_.clock(program_, layer_, tiles_[index], data_);
  const TileResult& expected = counted_[index];
  compare_stats(index, expected.stats, clocked.result.stats, result);
  compare_transfers(index, "loads", expected.loads, clocked.result.loads, result);
  compare_transfers(index, "stores", expected.stores, clocked.result.stores, result);
  const map::TileBox& box = tiles_[index].box;
  const auto sums = static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0));
  compare(index, static_cast<std::int64_t>(sums), std::ssize(clocked.sums), result,
          [] { return std::string("number of partial sums"); });
  clocked.sums.resize(sums, 0);
  ++result.tiles;
  result.pairs += pairs_of(data_.loops(), box);
  return std::move(clocked.sums);
}

CheckResult LayerCheck::tile(std::size_t index) const {
  CheckResult result;
  const std::vector<std::int64_t> found = clock(index, result);
  const std::vector<std::int64_t> expected = plain_sums(data_, tiles_[index].box);
  const std::int64_t outs = tiles_[index].box.out1 - tiles_[index].box.out0;
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
  for (std::size_t t = block.begin; t < block.end; ++t) {
    const std::vector<std::int64_t> part = clock(t, result);
    if (sums.empty()) {
      sums = part;
    } else {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
    }
  }
  compare_results(block.end - 1, sums, result);
  return result;
}

/// Sends sums through the post and compares them with the chain's results.
void LayerCheck::compare_results(std::size_t tile, const std::vector<std::int64_t>& sums,
                                 CheckResult& result) const {
  const map::TileBox& box = tiles_[tile].box;
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

CheckResult check_layer(const Machine& machine, const Program& program, std::size_t layer,
                        const LayerData& data, std::span<const Tile> tiles,
                        std::span<const TileResult> counted, const CheckOptions& options) {
  CheckResult total;
  if (options.mode == CheckMode::off || tiles.empty()) return total;
  if (tiles.size() != counted.size()) {
    broken("{} tiles, {} results of '{}'", tiles.size(), counted.size(), data.gconv().name);
  }
  const LayerCheck check(machine, program, layer, data, tiles, counted);
  std::vector<Block> blocks = draw_blocks(blocks_of(data.loops(), tiles), options);
  std::vector<std::size_t> singles;
  if (blocks.empty()) singles = draw_tiles(data.loops(), tiles, options);
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.begin < b.begin; });
  std::vector<CheckResult> results(blocks.size() + singles.size());
  tbb::parallel_for(std::size_t{0}, results.size(), [&](std::size_t i) {
    results[i] =
        i < blocks.size() ? check.block(blocks[i]) : check.tile(singles[i - blocks.size()]);
  });
  for (const CheckResult& result : results) total += result;
  return total;
}

}  // namespace syncopate::sim
