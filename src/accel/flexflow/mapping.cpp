#include "accel/flexflow/mapping.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "array/actions.h"

namespace syncopate::accel::flexflow {
namespace {

using array::ceil_div;

std::int64_t modulo(std::int64_t a, std::int64_t b) { return (a % b + b) % b; }

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return (a - modulo(a, b)) / b; }

/// Non-zero weights of every input of every group.
std::vector<std::int64_t> weights_per_input(const sim::Weights& weights) {
  const map::Loops& l = weights.loops();
  const sim::BitPlane& bits = weights.bits();
  std::vector<std::int64_t> found(static_cast<std::size_t>(l.groups * l.ins), 0);
  const std::int64_t rows_of_group = l.outs * l.kernel_size();
  for (std::int64_t row = 0; row < bits.rows; ++row) {
    const std::int64_t first = row / rows_of_group * l.ins;
    for (std::int64_t w = 0; w < bits.words; ++w) {
      for (std::uint64_t word = bits.row(row)[static_cast<std::size_t>(w)]; word != 0;
           word &= word - 1) {
        ++found[static_cast<std::size_t>(first + w * 64 + std::countr_zero(word))];
      }
    }
  }
  return found;
}

/// Places of `count` inputs with the given weights, over `columns` column groups.
void deal(std::span<const std::int64_t> weights, std::int64_t columns, std::int32_t base,
          std::span<std::int32_t> places) {
  const auto count = static_cast<std::int64_t>(weights.size());
  std::vector<std::int32_t> heaviest(weights.size());
  std::iota(heaviest.begin(), heaviest.end(), 0);
  std::stable_sort(heaviest.begin(), heaviest.end(), [&](std::int32_t a, std::int32_t b) {
    return weights[static_cast<std::size_t>(a)] > weights[static_cast<std::size_t>(b)];
  });
  struct Column {
    std::int64_t load = 0, taken = 0, room = 0;
  };
  std::vector<Column> all(static_cast<std::size_t>(columns));
  for (std::int64_t c = 0; c < columns; ++c) {
    all[static_cast<std::size_t>(c)].room = (count - c + columns - 1) / columns;
  }
  for (const std::int32_t n : heaviest) {
    Column* lightest = nullptr;
    for (Column& column : all) {
      if (column.taken == column.room) continue;
      if (lightest == nullptr || column.load < lightest->load) lightest = &column;
    }
    const auto c = static_cast<std::int64_t>(lightest - all.data());
    places[static_cast<std::size_t>(n)] =
        base + static_cast<std::int32_t>(lightest->taken++ * columns + c);
    lightest->load += weights[static_cast<std::size_t>(n)];
  }
}

}  // namespace

Mapping::Mapping(const map::Loops& loops, const LayerSetup& setup, std::int64_t array)
    : loops_(loops), setup_(setup), array_(array) {}

std::int64_t Mapping::slots(std::int64_t ins) const {
  if (setup_.packed) return ceil_div(ins * loops_.kernel_size(), array_);
  const Side& in = setup_.factors.in;
  return ceil_div(ins, in.maps) * loops_.kernel[0] * ceil_div(loops_.kernel[1], in.rows) *
         ceil_div(loops_.kernel[2], in.cols);
}

std::int64_t Mapping::columns(std::int64_t ins) const {
  if (setup_.packed) return std::min(array_, ins * loops_.kernel_size());
  const Side& in = setup_.factors.in;
  return std::min(ins, in.maps) * in.rows * in.cols;
}

std::int64_t Mapping::fresh_words(std::int64_t ins) const {
  const Side& in = setup_.factors.in;
  if (setup_.packed || loops_.dilation[2] > 1) return slots(ins);
  const std::int64_t window = ceil_div(loops_.kernel[2], in.cols);
  const std::int64_t slide =
      ceil_div(std::min(setup_.factors.out.cols, loops_.out[2]) * loops_.stride[2], in.cols);
  return slots(ins) / window * std::min(window, slide);
}

std::int64_t Mapping::phase(std::int64_t row, std::int64_t col) const {
  const Side& in = setup_.factors.in;
  const auto residue = [&](std::int64_t at, std::size_t d, std::int64_t factor) {
    return modulo(floor_div(at * loops_.stride[d] - loops_.pad[d], loops_.dilation[d]), factor);
  };
  return residue(row, 1, in.rows) * in.cols + residue(col, 2, in.cols);
}

Mapping::Place Mapping::place(std::int64_t n, std::int64_t ins, std::int64_t tap,
                              std::int64_t phase) const {
  if (setup_.packed) {
    const std::int64_t position = tap * ins + n;
    return {position % array_, position / array_};
  }
  const Side& in = setup_.factors.in;
  const std::int64_t i = tap / loops_.kernel[2] % loops_.kernel[1], j = tap % loops_.kernel[2];
  const std::int64_t t = tap / (loops_.kernel[1] * loops_.kernel[2]);
  const std::int64_t u = (phase / in.cols + i) % in.rows, v = (phase % in.cols + j) % in.cols;
  const std::int64_t window = (t * ceil_div(loops_.kernel[1], in.rows) + i / in.rows) *
                                  ceil_div(loops_.kernel[2], in.cols) +
                              j / in.cols;
  return {(n % in.maps * in.rows + u) * in.cols + v, window * ceil_div(ins, in.maps) + n / in.maps};
}

std::int64_t Mapping::row(std::int64_t m, std::int64_t row, std::int64_t col) const {
  const Side& out = setup_.factors.out;
  return (m % out.maps * out.rows + row % out.rows) * out.cols + col % out.cols;
}

std::int64_t Mapping::steps(const map::TileBox& box) const {
  return (box.end[0] - box.begin[0]) *
         ceil_div(box.end[1] - box.begin[1], setup_.factors.out.rows) *
         ceil_div(box.end[2] - box.begin[2], setup_.factors.out.cols);
}

Factors packed_factors(const map::Loops& loops, const Side& out, std::int64_t array) {
  return {out, {array / std::gcd(array, loops.kernel_size()), 1, 1}};
}

LayerSetup setup_for(const map::Loops& loops, const Factors& factors, bool packed,
                     std::int64_t array, std::int64_t store_words) {
  LayerSetup setup{factors, 1, 1, packed};
  const std::int64_t half = std::max<std::int64_t>(1, store_words / 2);
  const std::int64_t most = half / loops.kernel_size();
  const std::int64_t groups = ceil_div(loops.ins, factors.in.maps);
  // As few passes as possible, of even size.
  const std::int64_t passes = ceil_div(groups, std::max<std::int64_t>(1, most));
  setup.pass_groups = ceil_div(groups, passes);
  const Mapping mapping(loops, setup, array);
  const std::int64_t fresh = mapping.fresh_words(std::min(loops.ins, mapping.pass_ins()));
  setup.segment_steps = std::max<std::int64_t>(1, half / fresh);
  return setup;
}

bool depthwise(const map::Loops& loops) {
  return loops.kind == map::WorkKind::window && loops.weights;
}

array::ArrayShape depthwise_shape(const map::Loops& loops, std::int64_t array) {
  /// The split of the array's rows or columns that covers an extent in the fewest steps.
  const auto split = [&](std::int64_t rows, std::int64_t cols) {
    std::array<std::int64_t, 3> best{1, 1, 1};
    for (std::int64_t r = 1; r <= std::min(rows, array); ++r) {
      const std::int64_t c = std::min(cols, array / r);
      if (ceil_div(rows, r) * ceil_div(cols, c) <
          ceil_div(rows, best[1]) * ceil_div(cols, best[2])) {
        best = {1, r, c};
      }
    }
    return best;
  };
  array::ArrayShape shape;
  shape.multipliers = array * array;
  shape.step = {1, 1, split(loops.out[1], loops.out[2])};
  shape.neuron_row = shape.sum_row = shape.step;
  shape.taps = split(loops.kernel[1], loops.kernel[2]);
  return shape;
}

ChannelOrder plain_order(const map::Loops& loops) {
  ChannelOrder order(static_cast<std::size_t>(loops.groups * loops.ins));
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(loops.ins));
  }
  return order;
}

ChannelOrder balanced_order(const sim::Weights& weights, const map::Tiling& tiling,
                            std::int64_t column_groups) {
  const map::Loops& l = weights.loops();
  const std::vector<std::int64_t> loads = weights_per_input(weights);
  ChannelOrder order(loads.size());
  for (std::int64_t g = 0; g < l.groups; ++g) {
    for (std::int64_t in0 = 0; in0 < l.ins; in0 += tiling.ins) {
      const auto first = static_cast<std::size_t>(g * l.ins + in0);
      const auto count = static_cast<std::size_t>(std::min(tiling.ins, l.ins - in0));
      deal(std::span(loads).subspan(first, count), column_groups, static_cast<std::int32_t>(in0),
           std::span(order).subspan(first, count));
    }
  }
  return order;
}

}  // namespace syncopate::accel::flexflow
