#include "array/plain.h"

#include <algorithm>
#include <array>
#include <bit>

#include "array/actions.h"
#include "array/patches.h"

namespace syncopate::array {
namespace {

using gconv::Main;
using gconv::Pre;
using gconv::Reduce;
using map::WorkKind;

/// Operations of one pair.
struct PairCost {
  std::int64_t multiplies = 0, adds = 0;
};

PairCost cost_of(const sim::LayerData& data) {
  const gconv::GConv& g = data.gconv();
  PairCost cost;
  cost.multiplies = (g.main == Main::mul) + (g.pre == Pre::square);
  cost.adds = (g.main == Main::add) + (g.main == Main::sub) + (g.reduce != Reduce::none);
  return cost;
}

bool depthwise(const sim::LayerData& data) {
  return data.loops().kind == WorkKind::window && data.loops().weights;
}

bool two_operands(const sim::LayerData& data) {
  return data.loops().kind == WorkKind::elementwise && data.gconv().kernel.has_value();
}

/// Counts that follow from beats and pairs alone.
void book(const PlainArray& array, const sim::LayerData& data, std::int64_t beats,
          std::int64_t issued, std::int64_t effectual, sim::Stats& stats) {
  stats.cycles += beats;
  stats.pairs_issued += issued;
  stats.pairs_effectual += effectual;
  stats[sim::Cause::work] += effectual;
  stats[sim::Cause::bubble] += issued - effectual;
  stats[sim::Cause::underfill] += beats * array.multipliers - issued;
  const PairCost cost = cost_of(data);
  tally(stats, Act::multiply, cost.multiplies * issued);
  tally(stats, Act::add, cost.adds * issued);
  tally(stats, Act::neuron_read, beats * (two_operands(data) ? 2 : 1));
  if (depthwise(data)) tally(stats, Act::synapse_read, beats);
}

std::int64_t apply_pre(Pre pre, std::int64_t x) {
  switch (pre) {
    case Pre::none:
      return x;
    case Pre::square:
      return x * x;
    case Pre::relu:
      return std::max<std::int64_t>(x, 0);
    case Pre::negative_part:
      return std::min<std::int64_t>(x, 0);
  }
  return x;
}

std::int64_t apply_main(Main main, std::int64_t x, std::int64_t k) {
  switch (main) {
    case Main::none:
      return x;
    case Main::mul:
      return x * k;
    case Main::add:
      return x + k;
    case Main::sub:
      return x - k;
  }
  return x;
}

/// One lane's accumulator.
struct PlainLane {
  std::int64_t sum = 0;
  bool empty = true;
  void take(Reduce reduce, std::int64_t value) {
    if (empty) {
      sum = value;
    } else if (reduce == Reduce::max) {
      sum = std::max(sum, value);
    } else {
      sum += value;
    }
    empty = false;
  }
};

/// Positions of a window that lie inside the map, summed over the pixels of a box, per dimension.
std::int64_t inside(const map::Loops& loops, std::size_t d, std::int64_t begin, std::int64_t end) {
  std::int64_t total = 0;
  for (std::int64_t o = begin; o < end; ++o) {
    for (std::int64_t k = 0; k < loops.kernel[d]; ++k) {
      const std::int64_t at = o * loops.stride[d] + k * loops.dilation[d] - loops.pad[d];
      total += at >= 0 && at < loops.in[d];
    }
  }
  return total;
}

}  // namespace

PlainCounter::PlainCounter(const PlainArray& array, const sim::LayerData& data)
    : array_(array), data_(data) {
  if (!depthwise(data)) return;
  const sim::BitPlane& rows = data.weight_bits();  // Row channel*kernel + position, one bit each.
  const std::int64_t kernel = data.loops().kernel_size(), channels = data.loops().outs;
  weights_.rows = kernel;
  weights_.bits = channels;
  weights_.words = (channels + 63) / 64;
  weights_.data.assign(static_cast<std::size_t>(kernel * weights_.words), 0);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::uint64_t bit =
          rows.data[static_cast<std::size_t>((c * kernel + k) * rows.words)] & 1;
      weights_.data[static_cast<std::size_t>(k * weights_.words + c / 64)] |= bit << (c % 64);
    }
  }
}

/// Products of two non-zeros in a depthwise tile.
std::int64_t PlainCounter::matched(const map::TileBox& box) const {
  const Patches patches(data_, box);
  const sim::BitPlane& neurons = data_.input_bits();
  const std::int64_t channels = box.out1 - box.out0;
  std::vector<std::uint64_t> a(static_cast<std::size_t>((channels + 63) / 64)), b(a.size());
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < data_.loops().kernel_size(); ++k) {
    std::fill(b.begin(), b.end(), 0);
    append_bits(weights_.data.data() + k * weights_.words, box.out0, channels, b.data(), 0);
    for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
      const std::int64_t row = patches.row(pixel, k);
      if (row < 0) continue;
      std::fill(a.begin(), a.end(), 0);
      append_bits(neurons.data.data() + row * neurons.words, box.out0, channels, a.data(), 0);
      for (std::size_t w = 0; w < a.size(); ++w) total += std::popcount(a[w] & b[w]);
    }
  }
  return total;
}

std::int64_t PlainCounter::effectual(const map::TileBox& box) const {
  if (depthwise(data_)) return matched(box);
  std::int64_t total = box.out1 - box.out0;
  for (std::size_t d = 0; d < 3; ++d) total *= inside(data_.loops(), d, box.begin[d], box.end[d]);
  return total;
}

void PlainCounter::count(const map::TileBox& box, sim::Stats& stats) const {
  const std::int64_t steps = box.pixels() * data_.loops().kernel_size();
  const std::int64_t channels = box.out1 - box.out0;
  book(array_, data_, steps * ceil_div(channels, array_.lanes), steps * channels, effectual(box),
       stats);
}

void clock_plain(const PlainArray& array, const sim::LayerData& data, const map::TileBox& box,
                 std::span<const std::int16_t> weights, sim::Stats& stats,
                 std::span<std::int64_t> sums) {
  const gconv::GConv& g = data.gconv();
  const map::Loops& loops = data.loops();
  const Patches patches(data, box);
  const std::int64_t kernel = loops.kernel_size(), channels = box.out1 - box.out0;
  const std::int64_t row_length = loops.groups * loops.outs;
  const bool second = two_operands(data);
  std::vector<PlainLane> lanes(static_cast<std::size_t>(array.lanes));
  for (std::int64_t c0 = 0; c0 < channels; c0 += array.lanes) {
    const std::int64_t width = std::min(array.lanes, channels - c0);
    for (std::int64_t pixel = 0; pixel < box.pixels(); ++pixel) {
      std::fill(lanes.begin(), lanes.end(), PlainLane{});
      for (std::int64_t k = 0; k < kernel; ++k) {  // One beat: every lane takes its neuron.
        const std::int64_t row = patches.row(pixel, k);
        std::int64_t effectual = 0;
        for (std::int64_t lane = 0; lane < width && row >= 0; ++lane) {
          const std::int64_t c = box.out0 + c0 + lane;
          const auto at = static_cast<std::size_t>(row * row_length + c);
          const std::int64_t x = apply_pre(g.pre, data.input()[at]) * g.input_factor;
          std::int64_t y = 0;
          if (second) y = data.second()[at] * g.kernel_factor;
          if (!weights.empty()) y = weights[static_cast<std::size_t>((c0 + lane) * kernel + k)];
          effectual += weights.empty() || (data.input()[at] != 0 && y != 0);
          lanes[static_cast<std::size_t>(lane)].take(g.reduce, apply_main(g.main, x, y));
        }
        book(array, data, 1, width, effectual, stats);
      }
      for (std::int64_t lane = 0; lane < width; ++lane) {
        sums[static_cast<std::size_t>(pixel * channels + c0 + lane)] =
            lanes[static_cast<std::size_t>(lane)].sum;
      }
    }
  }
}

}  // namespace syncopate::array
