#include "accel/sense/geometry.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::accel::sense {
namespace {

using array::ceil_div;

/// Products of dense operands along one dimension, with tiles of `side` outputs.
std::int64_t products(const map::Loops& l, std::size_t d, std::int64_t side) {
  std::vector<std::int64_t> taps(static_cast<std::size_t>(l.stride[d]), 0);
  for (std::int64_t k = 0; k < l.kernel[d]; ++k) {
    ++taps[static_cast<std::size_t>(k * l.dilation[d] % l.stride[d])];
  }
  std::int64_t total = 0;
  for (std::int64_t begin = 0; begin < l.out[d]; begin += side) {
    const auto [first, last] =
        map::input_range(l, static_cast<int>(d), begin, std::min(l.out[d], begin + side));
    for (std::int64_t x = first; x < last; ++x) {
      const std::int64_t phase = ((x + l.pad[d]) % l.stride[d] + l.stride[d]) % l.stride[d];
      total += taps[static_cast<std::size_t>(phase)];
    }
  }
  return total;
}

/// Channels of a unit, in blocks of so many.
std::int64_t vector_of(const Config& config, const map::Loops& loops, std::int64_t channels) {
  if (loops.kernel_size() > 1) return 1;
  if (!config.spread) return config.group;
  const std::int64_t filling = ceil_div(channels, config.rows);
  return loops.pixels() == 1 ? filling : std::min(config.group, filling);
}

/// One as soon as more than half of the rows have a unit.
std::int64_t tiles_of_pass(const Config& config, const map::Loops& loops, std::int64_t channels) {
  if (!config.spare) return 1;
  const std::int64_t units = ceil_div(channels, vector_of(config, loops, channels));
  return std::max<std::int64_t>(1, config.rows / units);
}

/// Inputs under `outputs` outputs of a dimension, at most.
std::int64_t extent(const map::Loops& l, std::size_t d, std::int64_t outputs) {
  return std::min(l.in[d], (outputs - 1) * l.stride[d] + (l.kernel[d] - 1) * l.dilation[d] + 1);
}

}  // namespace

std::int64_t choose_side(const Config& config, const map::Loops& loops) {
  if (config.tile != 0) return config.tile;
  std::int64_t best = 0, least = 0, fewest = 0;
  for (const std::int64_t side : {7, 13, 14, 16}) {
    if (side * side > config.sum_words) continue;
    const std::int64_t cost =
        config.mode == PeMode::match ? 0 : products(loops, 1, side) * products(loops, 2, side);
    const std::int64_t tiles = ceil_div(loops.out[1], side) * ceil_div(loops.out[2], side);
    if (best != 0 && (cost > least || (cost == least && tiles >= fewest))) continue;
    best = side;
    least = cost;
    fewest = tiles;
  }
  return best;
}

std::array<std::int64_t, 3> choose_pixels(const Config& config, const map::Loops& loops) {
  const std::int64_t side = choose_side(config, loops);
  const std::int64_t most = tiles_of_pass(config, loops, loops.ins);
  const std::int64_t down = ceil_div(loops.out[1], side), across = ceil_div(loops.out[2], side);
  std::array<std::int64_t, 3> best = {1, side, side};
  std::int64_t fewest = down * across, least = 0;
  for (std::int64_t a = 1; a <= std::min(most, down); ++a) {
    for (std::int64_t b = 1; b <= std::min(most / a, across); ++b) {
      const std::int64_t h = std::min(loops.out[1], a * side), w = std::min(loops.out[2], b * side);
      const std::int64_t inputs =
          loops.ins * extent(loops, 0, 1) * extent(loops, 1, h) * extent(loops, 2, w);
      const std::int64_t outs = std::min(config.columns, loops.outs);
      if (outs * h * w > config.sums || inputs > config.neurons) continue;
      const std::int64_t passes = ceil_div(down, a) * ceil_div(across, b);
      if (passes > fewest || (passes == fewest && passes * inputs >= least)) continue;
      best = {1, a * side, b * side};
      fewest = passes;
      least = passes * inputs;
    }
  }
  return best;
}

Geometry::Geometry(const Config& config, const array::DecodedLayer& layer)
    : loops_(layer.loops),
      side_(layer.own_field("array", "side")),
      flat_(layer.loops.kernel_size() == 1) {
  if (side_ < 1) fail("program: a PE's tile has no outputs");
  const std::int64_t channels = std::min(layer.tiling.ins, loops_.ins);
  vector_ = vector_of(config, loops_, channels);
  tiles_of_pass_ = sense::tiles_of_pass(config, loops_, channels);
  for (std::int64_t k = 0; k < loops_.kernel_size(); ++k) {
    const std::array<std::int64_t, 3> at = {k / loops_.kernel[2] / loops_.kernel[1],
                                            k / loops_.kernel[2] % loops_.kernel[1],
                                            k % loops_.kernel[2]};
    std::int64_t phase = 0;
    std::array<std::int64_t, 3> offset{};
    for (std::size_t d = 0; d < 3; ++d) {
      offset[d] = at[d] * loops_.dilation[d];
      phase = phase * loops_.stride[d] + offset[d] % loops_.stride[d];
    }
    offsets_.push_back(offset);
    tap_phases_.push_back(phase);
  }
}

std::vector<Area> Geometry::subtiles(const map::TileBox& box) const {
  std::vector<Area> result;
  for (std::int64_t t = box.begin[0]; t < box.end[0]; ++t) {
    for (std::int64_t y = box.begin[1]; y < box.end[1]; y += side_) {
      for (std::int64_t x = box.begin[2]; x < box.end[2]; x += side_) {
        result.push_back({Range{t, t + 1}, Range{y, std::min(y + side_, box.end[1])},
                          Range{x, std::min(x + side_, box.end[2])}});
      }
    }
  }
  return result;
}

Area Geometry::inputs(const Area& outputs) const {
  Area result;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto [first, last] =
        map::input_range(loops_, static_cast<int>(d), outputs[d].begin, outputs[d].end);
    result[d] = {first, last};
  }
  return result;
}

std::int64_t Geometry::input_phase(const std::array<std::int64_t, 3>& input) const {
  std::int64_t phase = 0;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t s = loops_.stride[d];
    phase = phase * s + ((input[d] + loops_.pad[d]) % s + s) % s;
  }
  return phase;
}

}  // namespace syncopate::accel::sense
