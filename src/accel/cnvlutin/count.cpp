#include <algorithm>
#include <array>
#include <vector>

#include "accel/cnvlutin/engine.h"
#include "array/actions.h"
#include "base/simd.h"

namespace syncopate::accel::cnvlutin {
namespace {

using array::Act;
using array::ceil_div;
using array::tally;

constexpr std::int64_t kBricksPerWord = 64 / kBrick;
constexpr std::int64_t kWords = kLanes / kBricksPerWord;  ///< Of one brick per lane.
constexpr std::uint64_t kOnes = 0x0001000100010001;       ///< One in every field of 16 bits.
/// Rounds of a brick per lane after which fields of 16 bits could overflow.
constexpr std::int64_t kRounds = 65535 / kBrick;

/// Neurons, and empty bricks, seen by each lane; four lanes to a word.
struct LaneFields {
  std::array<std::uint64_t, kWords> nonzero{}, empty{};
};

/// Adds `rounds` rounds of full bricks.
inline void add_rounds(const std::uint64_t* row, std::int64_t rounds, LaneFields& fields) {
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint64_t v = row[static_cast<std::size_t>(r * kWords) + i];
      v -= (v >> 1) & 0x5555555555555555;
      v = (v & 0x3333333333333333) + ((v >> 2) & 0x3333333333333333);
      v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
      v = (v + (v >> 8)) & 0x001f001f001f001f;
      fields.nonzero[i] += v;
      fields.empty[i] += ~((v + 0x7fff7fff7fff7fff) >> 15) & kOnes;
    }
  }
}

/// Totals of one window over its lanes.
struct Lanes {
  std::array<std::int64_t, kLanes> nonzero{}, empty{};

  void add(const LaneFields& fields) {
    for (std::size_t lane = 0; lane < nonzero.size(); ++lane) {
      const std::size_t word = lane / kBricksPerWord, shift = lane % kBricksPerWord * kBrick;
      nonzero[lane] += static_cast<std::int64_t>(fields.nonzero[word] >> shift & 0xffff);
      empty[lane] += static_cast<std::int64_t>(fields.empty[word] >> shift & 0xffff);
    }
  }
};

/// One window whose bricks lie in the fields of `row`, in order; bits behind the last are zero.
inline void add_window(const std::uint64_t* row, std::int64_t bricks, WindowCost& cost) {
  const std::int64_t whole = bricks / kLanes, left = bricks % kLanes;
  Lanes lanes;
  for (std::int64_t r = 0; r < whole; r += kRounds) {
    LaneFields fields;
    add_rounds(row + r * kWords, std::min(kRounds, whole - r), fields);
    lanes.add(fields);
  }
  if (left > 0) {
    std::array<std::uint64_t, kWords> last{};
    std::copy_n(row + whole * kWords, ceil_div(left, kBricksPerWord), last.begin());
    LaneFields fields;
    add_rounds(last.data(), 1, fields);
    lanes.add(fields);
    for (std::int64_t lane = left; lane < kLanes; ++lane) {
      --lanes.empty[static_cast<std::size_t>(lane)];  // No brick at all.
    }
  }
  std::int64_t slowest = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    slowest = std::max(slowest, lanes.nonzero[lane] + lanes.empty[lane]);
    cost.nonzero += lanes.nonzero[lane];
    cost.empty += lanes.empty[lane];
  }
  cost.cycles += slowest;
}

SYNCOPATE_MULTIVERSION void add_windows(const std::uint64_t* rows, std::int64_t windows,
                                        std::int64_t words, std::int64_t bricks, WindowCost& cost) {
  for (std::int64_t w = 0; w < windows; ++w) add_window(rows + w * words, bricks, cost);
}

}  // namespace

WindowCost cost_of_windows(const std::uint64_t* rows, std::int64_t windows, std::int64_t words,
                           std::int64_t positions, std::int64_t channels) {
  WindowCost cost;
  const std::int64_t per_position = ceil_div(channels, kBrick);
  const std::int64_t bricks = positions * per_position;
  if (channels % kBrick == 0) {
    add_windows(rows, windows, words, bricks, cost);
    return cost;
  }
  // The last brick of every position does not fill its field: spread the bricks first.
  std::vector<std::uint64_t> spread(static_cast<std::size_t>(ceil_div(bricks, kBricksPerWord)));
  for (std::int64_t w = 0; w < windows; ++w) {
    std::fill(spread.begin(), spread.end(), 0);
    for (std::int64_t k = 0; k < positions; ++k) {
      array::append_bits(rows + w * words, k * channels, channels, spread.data(),
                         k * per_position * kBrick);
    }
    add_windows(spread.data(), 1, 0, bricks, cost);
  }
  return cost;
}

namespace {

class BrickCounter : public array::ConvCounter {
 public:
  explicit BrickCounter(const map::Loops& loops) : kernel_(loops.kernel_size()) {}

  void count(const map::TileBox& box, const array::PixelMasks& neurons,
             sim::Stats& stats) const override {
    const std::int64_t ins = box.in1 - box.in0, outs = box.out1 - box.out0;
    const WindowCost cost =
        cost_of_windows(neurons.rows(), neurons.pixels(), neurons.words(), kernel_, ins);
    const std::int64_t groups = ceil_div(outs, kFilters);
    const std::int64_t bricks = kernel_ * ceil_div(ins, kBrick);
    const std::int64_t lanes = std::min(kLanes, bricks);  // With any work.
    const std::int64_t issued = cost.nonzero * outs;
    const std::int64_t busy = cost.nonzero + cost.empty;
    stats.cycles += cost.cycles * groups;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += cost.nonzero * (groups * kFilters - outs) +
                                    cost.cycles * (kLanes - lanes) * groups * kFilters;
    stats[sim::Cause::index] += cost.empty * groups * kFilters;
    stats[sim::Cause::imbalance] += (cost.cycles * lanes - busy) * groups * kFilters;
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    tally(stats, Act::neuron_read, busy * groups);
    tally(stats, Act::index_read, busy * groups);
    tally(stats, Act::synapse_read, cost.nonzero * groups);
  }

 private:
  std::int64_t kernel_;
};

/// Inputs narrower than a brick: a lane per channel, a kernel position a cycle.
class DenseCounter : public array::ConvCounter {
 public:
  explicit DenseCounter(const map::Loops& loops) : kernel_(loops.kernel_size()) {}

  bool uses_neurons() const override { return false; }
  bool uses_place() const override { return false; }
  void count(const map::TileBox& box, const array::PixelMasks&, sim::Stats& stats) const override {
    const std::int64_t ins = box.in1 - box.in0, outs = box.out1 - box.out0;
    const std::int64_t cycles = box.pixels() * kernel_ * ceil_div(outs, kFilters);
    const std::int64_t issued = box.pixels() * kernel_ * ins * outs;
    stats.cycles += cycles;
    stats.pairs_issued += issued;
    stats[sim::Cause::work] += issued;
    stats[sim::Cause::underfill] += cycles * kLanes * kFilters - issued;
    tally(stats, Act::multiply, issued);
    tally(stats, Act::add, issued);
    tally(stats, Act::neuron_read, cycles * ins);
    tally(stats, Act::synapse_read, cycles * ins);
  }

 private:
  std::int64_t kernel_;
};

}  // namespace

std::unique_ptr<array::ConvCounter> Engine::counter(const sim::LayerData& data,
                                                    const array::DecodedLayer&) const {
  if (dense(data.loops())) return std::make_unique<DenseCounter>(data.loops());
  return std::make_unique<BrickCounter>(data.loops());
}

}  // namespace syncopate::accel::cnvlutin
