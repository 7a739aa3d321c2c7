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

Geometry::Geometry(const Config& config, const array::DecodedLayer& layer)
    : loops_(layer.loops),
      side_(layer.own_field("array", "side")),
      flat_(layer.loops.kernel_size() == 1) {
  if (side_ < 1) fail("program: a PE's tile has no outputs");
  const std::int64_t channels = std::min(layer.tiling.ins, loops_.ins);
  if (flat_) {
    const std::int64_t filling = ceil_div(channels, config.rows);
    vector_ = !config.spread      ? config.group
              : fully_connected() ? filling
                                  : std::min(config.group, filling);
  }
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
