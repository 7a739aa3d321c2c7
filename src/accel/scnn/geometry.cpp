#include "accel/scnn/geometry.h"

#include <algorithm>

#include "array/actions.h"

namespace syncopate::accel::scnn {
namespace {

using array::ceil_div;

/// Part `index` of a range cut into `parts` of equal size but the last.
Range part(const Range& whole, std::int64_t index, std::int64_t parts) {
  const std::int64_t size = ceil_div(whole.size(), parts);
  return {std::min(whole.end, whole.begin + index * size),
          std::min(whole.end, whole.begin + (index + 1) * size)};
}

std::int64_t overlap(const Range& a, const Range& b) {
  return std::max<std::int64_t>(0, std::min(a.end, b.end) - std::max(a.begin, b.begin));
}

std::int64_t size_of(const Area& area) { return area[0].size() * area[1].size() * area[2].size(); }

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

}  // namespace

Geometry::Geometry(const Config& config, const map::Loops& loops, const map::Tiling& tiling)
    : config_(config), loops_(loops) {
  using Three = std::array<std::int64_t, 3>;
  folded_ = loops.kernel_size() == 1 && loops.in == Three{1, 1, 1} && loops.out == Three{1, 1, 1} &&
            loops.pad == Three{0, 0, 0};
  const std::int64_t tile = tiling.block[0] * ceil_div(tiling.block[1], config.pe_rows) *
                            ceil_div(tiling.block[2], config.pe_columns);
  group_outputs_ = std::max<std::int64_t>(1, config.accumulators / tile);
  taps_.resize(static_cast<std::size_t>(loops.stride[0] * loops.stride[1] * loops.stride[2]));
  std::int64_t position = 0;
  std::array<std::int64_t, 3> k;
  for (k[0] = 0; k[0] < loops.kernel[0]; ++k[0]) {
    for (k[1] = 0; k[1] < loops.kernel[1]; ++k[1]) {
      for (k[2] = 0; k[2] < loops.kernel[2]; ++k[2], ++position) {
        Tap tap{position, {}};
        std::array<std::int64_t, 3> phases;
        for (std::size_t d = 0; d < 3; ++d) {
          phases[d] = k[d] * loops.dilation[d] % loops.stride[d];
          tap.offset[d] = k[d] * loops.dilation[d] / loops.stride[d];
        }
        taps_[static_cast<std::size_t>(phase(phases))].push_back(tap);
      }
    }
  }
}

std::int64_t Geometry::groups(std::int64_t outputs) const {
  return ceil_div(outputs, group_outputs_);
}

std::int64_t Geometry::phase(const std::array<std::int64_t, 3>& phases) const {
  return (phases[0] * loops_.stride[1] + phases[1]) * loops_.stride[2] + phases[2];
}

Place Geometry::place(std::size_t dim, std::int64_t coordinate) const {
  const std::int64_t padded = coordinate + loops_.pad[dim];
  const std::int64_t at = floor_div(padded, loops_.stride[dim]);
  return {padded - at * loops_.stride[dim], at};
}

Area Geometry::split(const Area& whole, std::int64_t pe) const {
  return {whole[0], part(whole[1], pe / config_.pe_columns, config_.pe_rows),
          part(whole[2], pe % config_.pe_columns, config_.pe_columns)};
}

Area Geometry::inputs(const map::TileBox& box, std::int64_t pe) const {
  if (folded_) return split({{{0, 1}, {0, kFoldSide}, {0, kFoldSide}}}, pe);
  Area whole;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto range = map::input_range(loops_, static_cast<int>(d), box.begin[d], box.end[d]);
    whole[d] = {range[0], range[1]};
  }
  return split(whole, pe);
}

Area Geometry::outputs(const map::TileBox& box, std::int64_t pe) const {
  Area whole;
  for (std::size_t d = 0; d < 3; ++d) whole[d] = {box.begin[d], box.end[d]};
  return split(whole, pe);
}

std::int64_t Geometry::fold_owner(std::int64_t input) const {
  const std::int64_t row = input % kFold / kFoldSide, column = input % kFoldSide;
  return row / ceil_div(kFoldSide, config_.pe_rows) * config_.pe_columns +
         column / ceil_div(kFoldSide, config_.pe_columns);
}

std::int64_t Geometry::halo(const map::TileBox& box) const {
  if (!config_.halo) return 0;
  std::int64_t most = 0;
  for (std::int64_t pe = 0; pe < config_.pes(); ++pe) {
    const Area in = inputs(box, pe), out = outputs(box, pe);
    if (size_of(in) == 0) continue;
    std::int64_t touched = 1, own = 1;
    for (std::size_t d = 0; d < 3; ++d) {
      Range reach{box.begin[d], box.end[d]};  // Outputs that these inputs have a part in.
      if (!folded_) {
        const std::int64_t window = (loops_.kernel[d] - 1) * loops_.dilation[d];
        reach.begin = std::max(reach.begin,
                               -floor_div(window - in[d].begin - loops_.pad[d], loops_.stride[d]));
        reach.end =
            std::min(reach.end, floor_div(in[d].end - 1 + loops_.pad[d], loops_.stride[d]) + 1);
      }
      touched *= std::max<std::int64_t>(0, reach.size());
      own *= overlap(reach, out[d]);
    }
    most = std::max(most, touched - own);
  }
  return most;
}

}  // namespace syncopate::accel::scnn
