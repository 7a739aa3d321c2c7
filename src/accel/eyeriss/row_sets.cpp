#include "accel/eyeriss/row_sets.h"

#include <algorithm>

namespace syncopate::accel::eyeriss {

using array::ceil_div;

RowSets::RowSets(const Config& config, const map::Loops& loops, const map::TileBox& box) {
  const std::int64_t height = box.end[1] - box.begin[1], width = box.end[2] - box.begin[2];
  chunks = ceil_div(loops.kernel[1], config.rows);
  chunk_rows = std::min(loops.kernel[1], config.rows);
  strip_rows = std::min(height, config.columns);
  strips = ceil_div(height, strip_rows);
  copies = (config.rows / chunk_rows) * (config.columns / strip_rows);
  job_cycles = width * loops.kernel[2];
  const std::int64_t depth = (box.in1 - box.in0) * loops.kernel[0] * chunks;
  const std::int64_t outs = box.out1 - box.out0;
  jobs = (box.end[0] - box.begin[0]) * outs * depth * strips;

  // What a PE holds: sliding windows of so many channels, and rows of so many filters.
  const std::int64_t columns = loops.kernel[2];
  const std::int64_t channels = std::max<std::int64_t>(1, config.neuron_words / columns);
  const std::int64_t filters = std::clamp<std::int64_t>(
      config.filter_words / (channels * columns), 1, std::min(config.filters, config.sum_words));
  // Copies take strips first, then depth, then filters.
  const std::int64_t beside = copies / std::min(copies, strips);
  const std::int64_t deep = std::min(beside, ceil_div(depth, channels));
  passes = ceil_div(depth, channels * deep);
  filters_at_once = filters * (beside / deep);
}

}  // namespace syncopate::accel::eyeriss
