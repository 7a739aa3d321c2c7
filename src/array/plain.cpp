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

/// What a beat, or all beats of a tile, come to.
struct Beats {
  std::int64_t beats = 0;
  std::int64_t rows = 0;  ///< Of NBin, per operand.
  std::int64_t synapse_rows = 0;
  std::int64_t issued = 0, effectual = 0;
};

void book(const ArrayShape& array, const sim::LayerData& data, const Beats& work,
          sim::Stats& stats) {
  const auto [beats, rows, synapse_rows, issued, effectual] = work;
  stats.cycles += beats;
  stats.pairs_issued += issued;
  stats.pairs_effectual += effectual;
  stats[sim::Cause::work] += effectual;
  stats[sim::Cause::bubble] += issued - effectual;
  stats[sim::Cause::underfill] += beats * array.multipliers - issued;
  const PairCost cost = cost_of(data);
  tally(stats, Act::multiply, cost.multiplies * issued);
  tally(stats, Act::add, cost.adds * issued);
  tally(stats, Act::neuron_read, rows * (two_operands(data) ? 2 : 1));
  if (depthwise(data)) tally(stats, Act::synapse_read, synapse_rows);
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

ArrayShape ArrayShape::lanes(std::int64_t lanes, std::int64_t multipliers) {
  ArrayShape shape;
  shape.multipliers = multipliers;
  shape.step.outs = shape.neuron_row.outs = shape.sum_row.outs = lanes;
  return shape;
}

std::int64_t ArrayShape::window_beats(const map::Loops& loops) const {
  std::int64_t beats = 1;
  for (std::size_t d = 0; d < 3; ++d) beats *= ceil_div(loops.kernel[d], taps[d]);
  return beats;
}

std::int64_t covering(const map::Grain& grain, const map::TileBox& box) {
  std::int64_t count = ceil_div(box.out1 - box.out0, grain.outs);
  for (std::size_t d = 0; d < 3; ++d) {
    count *= ceil_div(box.end[d] - box.begin[d], grain.pixels[d]);
  }
  return count;
}

PlainCounter::PlainCounter(const ArrayShape& array, const sim::LayerData& data)
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
  const std::int64_t kernel = data_.loops().kernel_size();
  const std::int64_t steps = covering(array_.step, box);
  book(array_, data_,
       {steps * array_.window_beats(data_.loops()), kernel * covering(array_.neuron_row, box),
        kernel * steps, kernel * box.pixels() * (box.out1 - box.out0), effectual(box)},
       stats);
}

namespace {

/// The clocked engine on one tile.
class PlainDatapath {
 public:
  PlainDatapath(const ArrayShape& array, const sim::LayerData& data, const map::TileBox& box,
                std::span<const std::int16_t> weights, sim::Stats& stats,
                std::span<std::int64_t> sums)
      : array_(array),
        data_(data),
        box_(box),
        patches_(data, box),
        weights_(weights),
        stats_(stats),
        sums_(sums),
        lanes_(sums.size()) {}

  /// Step by step from the tile's corner on.
  void run() {
    const auto& size = array_.step.pixels;
    map::TileBox step = box_;
    for (step.out0 = box_.out0; step.out0 < box_.out1; step.out0 += array_.step.outs) {
      step.out1 = std::min(box_.out1, step.out0 + array_.step.outs);
      for (std::int64_t t = box_.begin[0]; t < box_.end[0]; t += size[0]) {
        for (std::int64_t y = box_.begin[1]; y < box_.end[1]; y += size[1]) {
          for (std::int64_t x = box_.begin[2]; x < box_.end[2]; x += size[2]) {
            step.begin = {t, y, x};
            for (std::size_t d = 0; d < 3; ++d) {
              step.end[d] = std::min(box_.end[d], step.begin[d] + size[d]);
            }
            work_on(step);
          }
        }
      }
    }
    for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] = lanes_[i].sum;
  }

 private:
  void work_on(const map::TileBox& step);
  void beat(const map::TileBox& step, const std::array<std::int64_t, 3>& tap);
  void position(const map::TileBox& step, std::int64_t k, Beats& work);

  const ArrayShape& array_;
  const sim::LayerData& data_;
  const map::TileBox& box_;
  Patches patches_;
  std::span<const std::int16_t> weights_;
  sim::Stats& stats_;
  std::span<std::int64_t> sums_;
  std::vector<PlainLane> lanes_;  ///< As the sums.
};

void PlainDatapath::work_on(const map::TileBox& step) {
  const std::array<std::int64_t, 3>& kernel = data_.loops().kernel;
  for (std::int64_t t = 0; t < kernel[0]; t += array_.taps[0]) {
    for (std::int64_t y = 0; y < kernel[1]; y += array_.taps[1]) {
      for (std::int64_t x = 0; x < kernel[2]; x += array_.taps[2]) beat(step, {t, y, x});
    }
  }
}

/// One beat: every output in work takes its neurons under the taps from position `tap` on.
void PlainDatapath::beat(const map::TileBox& step, const std::array<std::int64_t, 3>& tap) {
  const std::array<std::int64_t, 3>& kernel = data_.loops().kernel;
  std::array<std::int64_t, 3> end;
  for (std::size_t d = 0; d < 3; ++d) end[d] = std::min(kernel[d], tap[d] + array_.taps[d]);
  Beats work{1, 0, 0, 0, 0};
  for (std::int64_t t = tap[0]; t < end[0]; ++t) {
    for (std::int64_t y = tap[1]; y < end[1]; ++y) {
      for (std::int64_t x = tap[2]; x < end[2]; ++x) {
        position(step, (t * kernel[1] + y) * kernel[2] + x, work);
      }
    }
  }
  book(array_, data_, work, stats_);
}

/// One position of the window, for every output in work.
void PlainDatapath::position(const map::TileBox& step, std::int64_t k, Beats& work) {
  const gconv::GConv& g = data_.gconv();
  const std::int64_t row_length = data_.loops().groups * data_.loops().outs;
  const std::int64_t height = box_.end[1] - box_.begin[1], width = box_.end[2] - box_.begin[2];
  const std::int64_t kernel = data_.loops().kernel_size(), channels = box_.out1 - box_.out0;
  const bool second = two_operands(data_);
  work.rows += covering(array_.neuron_row, step);
  ++work.synapse_rows;
  for (std::int64_t p = 0; p < step.pixels(); ++p) {
    const std::int64_t w = step.end[2] - step.begin[2], h = step.end[1] - step.begin[1];
    const std::int64_t t = step.begin[0] - box_.begin[0] + p / w / h;
    const std::int64_t y = step.begin[1] - box_.begin[1] + p / w % h;
    const std::int64_t pixel = (t * height + y) * width + step.begin[2] - box_.begin[2] + p % w;
    const std::int64_t row = patches_.row(pixel, k);
    for (std::int64_t c = step.out0; c < step.out1; ++c) {
      ++work.issued;
      PlainLane& lane = lanes_[static_cast<std::size_t>(pixel * channels + c - box_.out0)];
      if (row < 0) continue;
      const auto at = static_cast<std::size_t>(row * row_length + c);
      const std::int64_t x = apply_pre(g.pre, data_.input()[at]) * g.input_factor;
      std::int64_t z = 0;
      if (second) z = data_.second()[at] * g.kernel_factor;
      if (!weights_.empty()) {
        z = weights_[static_cast<std::size_t>((c - box_.out0) * kernel + k)];
      }
      work.effectual += weights_.empty() || (data_.input()[at] != 0 && z != 0);
      lane.take(g.reduce, apply_main(g.main, x, z));
    }
  }
}

}  // namespace

void clock_plain(const ArrayShape& array, const sim::LayerData& data, const map::TileBox& box,
                 std::span<const std::int16_t> weights, sim::Stats& stats,
                 std::span<std::int64_t> sums) {
  PlainDatapath(array, data, box, weights, stats, sums).run();
}

}  // namespace syncopate::array
