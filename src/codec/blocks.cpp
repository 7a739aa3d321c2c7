#include "codec/blocks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace syncopate::codec {
namespace {

constexpr int kBlockSizes = 7;  ///< 1, 2, 4 ... 64.

double entropy_bits(double ones, double all) {
  if (ones <= 0 || ones >= all) return 0;
  const double p = ones / all;
  return -all * (p * std::log2(p) + (1 - p) * std::log2(1 - p));
}

struct BlockCounts {
  std::array<double, kBlockSizes> blocks{}, alive{}, inside{};  ///< inside: values in alive blocks.
  double nonzero = 0;
};

/// Counts blocks with anything in them, for every block size at once: two small blocks make a large
/// one.
BlockCounts count_blocks(std::span<const std::int32_t> values, const KernelView& view) {
  BlockCounts counts;
  const std::int64_t kernel = view.kernel();
  std::array<std::uint8_t, 64> nonzero{};
  for (std::int64_t first = 0; first < view.outputs; first += 64) {
    const std::int64_t here = std::min<std::int64_t>(64, view.outputs - first);
    for (std::int64_t rest = 0; rest < view.inputs * kernel; ++rest) {
      const std::int64_t at =
          first * view.output_stride + rest / kernel * view.input_stride + rest % kernel;
      for (std::int64_t i = 0; i < here; ++i) {
        nonzero[static_cast<std::size_t>(i)] =
            values[static_cast<std::size_t>(at + i * view.output_stride)] != 0 ? 1 : 0;
      }
      for (std::size_t level = 0; level < kBlockSizes; ++level) {
        const std::int64_t size = std::int64_t{1} << level;
        for (std::int64_t i = 0; i < here; i += size) {
          std::uint8_t any = nonzero[static_cast<std::size_t>(i)];
          if (level > 0 && i + size / 2 < here)
            any |= nonzero[static_cast<std::size_t>(i + size / 2)];
          nonzero[static_cast<std::size_t>(i)] = any;
          counts.blocks[level] += 1;
          if (any == 0) continue;
          counts.alive[level] += 1;
          counts.inside[level] += static_cast<double>(std::min(size, here - i));
        }
      }
    }
  }
  counts.nonzero = counts.alive[0];
  return counts;
}

}  // namespace

KernelView view_of(const Shape& shape, bool transposed) {
  KernelView view;
  if (shape.empty()) {
    view.output_stride = view.input_stride = 1;
    return view;
  }
  if (shape.size() == 1) {
    view.inputs = shape[0];
    view.output_stride = shape[0];
    view.input_stride = 1;
    return view;
  }
  view.outputs = shape[0];
  view.inputs = shape[1];
  if (shape.size() > 2) view.width = shape.back();
  for (std::size_t d = 2; d + 1 < shape.size(); ++d) view.height *= shape[d];
  view.input_stride = view.kernel();
  view.output_stride = view.inputs * view.kernel();
  if (transposed) {
    std::swap(view.outputs, view.inputs);
    std::swap(view.output_stride, view.input_stride);
  }
  return view;
}

BlockShape detect_blocks(std::span<const std::int32_t> values, const Shape& shape) {
  BlockShape best;
  double best_bits = 0;
  for (const bool transposed : {false, true}) {
    if (transposed && shape.size() < 2) break;
    const BlockCounts counts = count_blocks(values, view_of(shape, transposed));
    for (std::size_t level = 0; level < kBlockSizes; ++level) {
      if (transposed && level == 0) continue;
      const double bits = entropy_bits(counts.alive[level], counts.blocks[level]) +
                          entropy_bits(counts.nonzero, counts.inside[level]);
      // Blocks must pay: they cost the natural order of the kernels.
      if (!(transposed || level > 0) || bits < 0.9 * best_bits) {
        if (bits < best_bits || (!transposed && level == 0)) {
          best_bits = bits;
          best = {1 << level, transposed};
        }
      }
    }
  }
  return best;
}

std::int64_t block_count(const KernelView& view, int outputs) {
  return (view.outputs + outputs - 1) / outputs * view.inputs * view.kernel();
}

BlockParts split_blocks(std::span<const std::int32_t> values, const KernelView& view, int outputs) {
  BlockParts parts;
  for_each_block(view, outputs, [&](std::int64_t at, std::int64_t count) {
    const std::size_t before = parts.values.size();
    bool alive = false;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t value = values[static_cast<std::size_t>(at + i * view.output_stride)];
      parts.values.push_back(value);
      alive |= value != 0;
    }
    parts.alive.push_back(alive ? 1 : 0);
    if (!alive) parts.values.resize(before);
  });
  return parts;
}

std::int64_t alive_values(std::span<const std::uint8_t> alive, const KernelView& view,
                          int outputs) {
  std::int64_t total = 0;
  auto flag = alive.begin();
  for_each_block(view, outputs,
                 [&](std::int64_t, std::int64_t count) { total += *flag++ != 0 ? count : 0; });
  return total;
}

void join_blocks(std::span<const std::uint8_t> alive, std::span<const std::int32_t> kept,
                 const KernelView& view, int outputs, std::span<std::int32_t> values) {
  auto flag = alive.begin();
  const std::int32_t* from = kept.data();
  for_each_block(view, outputs, [&](std::int64_t at, std::int64_t count) {
    const bool here = *flag++ != 0;
    std::int32_t* to = values.data() + at;
    for (std::int64_t i = 0; i < count; ++i, to += view.output_stride) *to = here ? from[i] : 0;
    if (here) from += count;
  });
}

}  // namespace syncopate::codec
