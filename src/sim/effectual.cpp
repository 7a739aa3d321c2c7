#include "sim/effectual.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

#include "sim/bit_counter.h"
#include "sim/bits.h"

namespace syncopate::sim {
namespace {

/// Output coordinates [first, last) whose input under kernel offset `k` lies inside the map.
std::array<std::int64_t, 2> inside(const map::Loops& loops, std::size_t d, std::int64_t k) {
  const std::int64_t shift = k * loops.dilation[d] - loops.pad[d], stride = loops.stride[d];
  std::int64_t first = 0, last = loops.out[d];
  while (first < last && first * stride + shift < 0) ++first;
  while (first < last && (last - 1) * stride + shift >= loops.in[d]) --last;
  return {first, last};
}

/// One kernel position of one group.
class PositionCounter {
 public:
  explicit PositionCounter(const LayerData& data)
      : loops_(data.loops()), neurons_(data.input_bits()), weights_(data.weight_bits()) {}

  std::int64_t count(std::int64_t group, std::int64_t position) {
    outputs_.reset(weights_.words);
    outputs_.add(weights_.data.data() +
                     (group * loops_.outs * loops_.kernel_size() + position) * weights_.words,
                 loops_.outs, loops_.kernel_size() * weights_.words);
    pixels_.reset(weights_.words);
    add_pixels(group, position);
    return dot(outputs_.all(), pixels_.all(), weights_.words);
  }

 private:
  void add_pixels(std::int64_t group, std::int64_t position);
  void add_line(std::int64_t group, std::int64_t row, std::int64_t count);

  const map::Loops& loops_;
  const BitPlane& neurons_;
  const BitPlane& weights_;
  BitCounter outputs_, pixels_;
  std::vector<std::uint64_t> line_;
};

/// Adds `count` neurons of a line of input, from `row` on, one per output pixel.
void PositionCounter::add_line(std::int64_t group, std::int64_t row, std::int64_t count) {
  const std::int64_t stride = loops_.stride[2];
  if (loops_.groups == 1) {
    pixels_.add(neurons_.data.data() + row * neurons_.words, count, stride * neurons_.words);
    return;
  }
  line_.assign(static_cast<std::size_t>(count * weights_.words), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    append_bits(neurons_.data.data() + (row + i * stride) * neurons_.words, group * loops_.ins,
                loops_.ins, line_.data() + i * weights_.words, 0);
  }
  pixels_.add(line_.data(), count);
}

void PositionCounter::add_pixels(std::int64_t group, std::int64_t position) {
  const auto& l = loops_;
  const std::array<std::int64_t, 3> k = {position / l.kernel[2] / l.kernel[1],
                                         position / l.kernel[2] % l.kernel[1],
                                         position % l.kernel[2]};
  const auto t = inside(l, 0, k[0]), y = inside(l, 1, k[1]), x = inside(l, 2, k[2]);
  if (x[0] >= x[1]) return;
  const auto at = [&](std::size_t d, std::int64_t o) {
    return o * l.stride[d] + k[d] * l.dilation[d] - l.pad[d];
  };
  for (std::int64_t b = 0; b < l.batch; ++b) {
    for (std::int64_t ot = t[0]; ot < t[1]; ++ot) {
      for (std::int64_t oy = y[0]; oy < y[1]; ++oy) {
        const std::int64_t line = (b * l.in[0] + at(0, ot)) * l.in[1] + at(1, oy);
        add_line(group, line * l.in[2] + at(2, x[0]), x[1] - x[0]);
      }
    }
  }
}

/// A single pixel under a single position: a product of a vector and a matrix.
std::int64_t count_vector(const LayerData& data) {
  const map::Loops& loops = data.loops();
  const BitPlane& neurons = data.input_bits();
  const BitPlane& weights = data.weight_bits();
  std::vector<std::uint64_t> groups(static_cast<std::size_t>(loops.groups * weights.words), 0);
  for (std::int64_t g = 0; g < loops.groups; ++g) {
    append_bits(neurons.data.data(), g * loops.ins, loops.ins, groups.data() + g * weights.words,
                0);
  }
  using Range = tbb::blocked_range<std::int64_t>;
  return tbb::parallel_reduce(
      Range(0, weights.rows, 16), std::int64_t{0},
      [&](const Range& range, std::int64_t sum) {
        for (std::int64_t row = range.begin(); row != range.end(); ++row) {
          sum += count_common(weights.row(row).data(),
                              groups.data() + row / loops.outs * weights.words, weights.words);
        }
        return sum;
      },
      std::plus<>());
}

}  // namespace

std::int64_t count_effectual(const LayerData& data) {
  const map::Loops& loops = data.loops();
  if (loops.batch == 1 && loops.pixels() == 1 && loops.kernel_size() == 1 &&
      loops.in == std::array<std::int64_t, 3>{1, 1, 1} &&
      loops.pad == std::array<std::int64_t, 3>{0, 0, 0}) {
    return count_vector(data);
  }
  const std::int64_t kernel = data.loops().kernel_size();
  static_cast<void>(data.input_bits());  // Built here, not inside the loop below.
  static_cast<void>(data.weight_bits());
  tbb::enumerable_thread_specific<std::int64_t> total(0);
  using Range = tbb::blocked_range<std::int64_t>;
  tbb::parallel_for(Range(0, data.loops().groups * kernel), [&](const Range& range) {
    PositionCounter counter(data);
    for (std::int64_t i = range.begin(); i != range.end(); ++i) {
      total.local() += counter.count(i / kernel, i % kernel);
    }
  });
  return std::accumulate(total.begin(), total.end(), std::int64_t{0});
}

}  // namespace syncopate::sim
