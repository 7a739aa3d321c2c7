#pragma once

#include <cstdint>
#include <vector>

#include "gconv/chain.h"

namespace syncopate::ref {

/// One loop of a GCONV: over its groups, its kernels, its positions or its taps in one dimension.
/// Each step moves the addresses of the operands by fixed amounts.
struct Loop {
  enum class Kind : std::uint8_t { group, kernel, position, tap };
  Kind kind = Kind::group;
  std::size_t dim = 0;  ///< Index into GConv::dims.
  std::int64_t extent = 1;
  std::int64_t input = 0, kernel = 0, output = 0;  ///< Address steps.
  std::int64_t channel = 0;                        ///< Step of the post's channel index.
};

/// The loops of a GCONV that run more than once.
struct Loops {
  std::vector<Loop> groups, kernels, positions, taps;
};

inline Loops loops_of(const gconv::GConv& gconv) {
  Loops loops;
  for (std::size_t d = 0; d < gconv.dims.size(); ++d) {
    const gconv::Dim& dim = gconv.dims[d];
    const std::int64_t in = gconv.input.strides[d];
    const std::int64_t kernel = gconv.kernel ? gconv.kernel->strides[d] : 0;
    const std::int64_t out = gconv.output.strides[d];
    const std::int64_t channel = dim.name == gconv.channel ? 1 : 0;
    const auto add = [&](std::vector<Loop>& list, const Loop& loop) {
      if (loop.extent != 1) list.push_back(loop);
    };
    const std::int64_t outputs = dim.nop * dim.nopc;
    add(loops.groups, {Loop::Kind::group, d, dim.ng, in * dim.nips, kernel * dim.nop * dim.nks,
                       out * outputs, channel * outputs});
    add(loops.kernels,
        {Loop::Kind::kernel, d, dim.nop, 0, kernel * dim.nks, out * dim.nopc, channel * dim.nopc});
    add(loops.positions, {Loop::Kind::position, d, dim.nopc, in * dim.stride, 0, out, channel});
    add(loops.taps, {Loop::Kind::tap, d, dim.nks, in * dim.dilation, kernel, 0, 0});
  }
  return loops;
}

/// Input index of the first tap of position 0, and one past that of the last tap of the last
/// position, within a group of a dimension; what lies outside [0, nips) is padding.
struct Reach {
  std::int64_t begin = 0, end = 0;
  std::int64_t extent() const { return end - begin; }
};

inline Reach reach_of(const gconv::Dim& dim) {
  return {-dim.pad, (dim.nopc - 1) * dim.stride + (dim.nks - 1) * dim.dilation - dim.pad + 1};
}

/// Whether some window of the dimension reaches into padding.
inline bool padded(const gconv::Dim& dim) {
  const Reach reach = reach_of(dim);
  return reach.begin < 0 || reach.end > dim.nips;
}

/// Counts through loops, last one fastest, keeping one address per operand.
class Odometer {
 public:
  explicit Odometer(const std::vector<Loop>& loops, std::int64_t start = 0)
      : loops_(loops), index_(loops.size()) {
    for (std::size_t i = loops.size(); i-- > 0;) {
      index_[i] = start % loops[i].extent;
      start /= loops[i].extent;
      move(loops[i], index_[i]);
    }
  }
  void next() {
    for (std::size_t i = loops_.size(); i-- > 0;) {
      if (++index_[i] < loops_[i].extent) return move(loops_[i], 1);
      move(loops_[i], 1 - loops_[i].extent);
      index_[i] = 0;
    }
  }
  std::int64_t index(std::size_t loop) const { return index_[loop]; }

  std::int64_t input = 0, kernel = 0, output = 0, channel = 0;

 private:
  void move(const Loop& loop, std::int64_t steps) {
    input += steps * loop.input;
    kernel += steps * loop.kernel;
    output += steps * loop.output;
    channel += steps * loop.channel;
  }

  const std::vector<Loop>& loops_;
  std::vector<std::int64_t> index_;
};

/// How often loops run in all.
inline std::int64_t count_of(const std::vector<Loop>& loops) {
  std::int64_t count = 1;
  for (const Loop& loop : loops) count *= loop.extent;
  return count;
}

}  // namespace syncopate::ref
