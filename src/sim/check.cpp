#include "sim/check.h"

#include <tbb/parallel_for.h>

#include <algorithm>

#include "base/error.h"
#include "gconv/fixed_post.h"
#include "sim/plain_sums.h"
#include "sim/sample.h"

namespace syncopate::sim {
namespace {

constexpr std::size_t kReported = 10;

class LayerCheck {
 public:
  LayerCheck(const LayerRun& run, const LayerData& data)
      : run_(run), data_(data), channels_(map::post_channels(data.chain(), data.gconv())) {}

  /// All tiles of a piece, down to the results or their partial sums.
  CheckResult piece(const TilePiece& piece) const;
  /// That all tiles' counts add up to the layer's, and that the timeline is told the same.
  CheckResult totals() const;

 private:
  std::vector<std::int64_t> clock(std::int64_t index, const map::TileBox& box,
                                  CheckResult& result) const;
  void compare_sums(const map::TileBox& box, std::int64_t tile,
                    const std::vector<std::int64_t>& sums, CheckResult& result) const;
  void compare_results(const map::TileBox& box, std::int64_t tile,
                       const std::vector<std::int64_t>& sums, CheckResult& result) const;
  void compare(std::int64_t tile, std::int64_t expected, std::int64_t found, CheckResult& result,
               auto&& what) const;
  void compare_stats(std::int64_t tile, const Stats& expected, const Stats& found,
                     CheckResult& result) const;
  void compare_bytes(std::int64_t index, const TileResult& tile, const TileTimes::Tile& told,
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

std::vector<std::int64_t> LayerCheck::clock(std::int64_t index, const map::TileBox& box,
                                            CheckResult& result) const {
  ClockedTile clocked = run_.clock_box(box);
  const TileResult expected = run_.count_box(box);
  compare_stats(index, expected.stats, clocked.result.stats, result);
  compare_transfers(index, "loads", expected.loads, clocked.result.loads, result);
  compare_transfers(index, "stores", expected.stores, clocked.result.stores, result);
  const auto sums = static_cast<std::size_t>(box.pixels() * (box.out1 - box.out0));
  compare(index, static_cast<std::int64_t>(sums), std::ssize(clocked.sums), result,
          [] { return std::string("number of partial sums"); });
  clocked.sums.resize(sums, 0);
  ++result.tiles;
  result.pairs += pairs_of(data_.loops(), box);
  return std::move(clocked.sums);
}

CheckResult LayerCheck::piece(const TilePiece& piece) const {
  CheckResult result;
  std::vector<std::int64_t> sums;
  for (std::int64_t t = piece.begin; t < piece.end; ++t) {
    const std::vector<std::int64_t> part = clock(t, piece.box(run_, t), result);
    if (sums.empty()) {
      sums = part;
    } else {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
    }
  }
  const map::TileBox box = piece.box(run_, piece.begin);
  if (piece.results) {
    compare_results(box, piece.end - 1, sums, result);
  } else {
    compare_sums(box, piece.begin, sums, result);
  }
  return result;
}

/// Compares the partial sums of a tile with a plain evaluation.
void LayerCheck::compare_sums(const map::TileBox& box, std::int64_t tile,
                              const std::vector<std::int64_t>& sums, CheckResult& result) const {
  const std::vector<std::int64_t> expected = plain_sums(data_, box);
  const std::int64_t outs = box.out1 - box.out0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    compare(tile, expected[i], sums[i], result, [&] {
      return fmt::format("partial sum of pixel {}, output {}", static_cast<std::int64_t>(i) / outs,
                         static_cast<std::int64_t>(i) % outs);
    });
  }
  result.sums += std::ssize(sums);
}

/// What a timeline is told that does not look at single transfers.
void LayerCheck::compare_bytes(std::int64_t index, const TileResult& tile,
                               const TileTimes::Tile& told, CheckResult& result) const {
  TileTimes times;
  times.add(0, tile.loads, tile.stores);
  compare(index, times.tiles[0].load_bytes, told.load_bytes, result,
          [] { return std::string("bytes of loads on the timeline"); });
  compare(index, times.tiles[0].store_bytes, told.store_bytes, result,
          [] { return std::string("bytes of stores on the timeline"); });
}

CheckResult LayerCheck::totals() const {
  CheckResult result;
  Stats sum;
  std::int64_t index = 0;
  const auto compare_told = [&](const TileTimes& times) {
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
      compare_bytes(index, tile, told, result);
      ++index;
    }
  };
  const Stats total = run_.count({compare_told, true});
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
  Random random(options.seed);
  const std::vector<TilePiece> pieces = options.mode == CheckMode::full
                                            ? all_pieces(run)
                                            : draw_pieces(run, data.loops(), options.pairs, random);
  std::vector<CheckResult> results(pieces.size());
  tbb::parallel_for(std::size_t{0}, results.size(),
                    [&](std::size_t i) { results[i] = check.piece(pieces[i]); });
  for (const CheckResult& result : results) total += result;
  if (options.mode == CheckMode::full) total += check.totals();
  return total;
}

}  // namespace syncopate::sim
