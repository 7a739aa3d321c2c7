#include <cmath>
#include <cstring>
#include <numeric>

#include "ir/shapes.h"
#include "ref/float_kernels.h"
#include "ref/float_parallel.h"

namespace syncopate::ref::plain {
namespace {

/// For each dimension of an output, where each index reads: an element offset into the input, or
/// kFill for the fill value. An element reads at the sum of its dimensions' offsets.
using IndexMaps = std::vector<std::vector<std::int64_t>>;
constexpr std::int64_t kFill = -1;

/// Offsets 0, stride, 2*stride, ...
std::vector<std::int64_t> ramp(std::int64_t extent, std::int64_t stride) {
  std::vector<std::int64_t> map(static_cast<std::size_t>(extent));
  for (std::size_t i = 0; i < map.size(); ++i) map[i] = static_cast<std::int64_t>(i) * stride;
  return map;
}

/// Length of the longest run map[i] = map[0] + i.
std::int64_t unit_run(const std::vector<std::int64_t>& map) {
  if (map.empty() || map[0] == kFill) return 0;
  std::size_t i = 1;
  while (i < map.size() && map[i] == map[0] + static_cast<std::int64_t>(i)) ++i;
  return static_cast<std::int64_t>(i);
}

template <class T>
void gather_row(const std::vector<std::int64_t>& map, bool contiguous, std::int64_t base,
                const T* x, T* y, T fill) {
  if (base < 0) {
    std::fill_n(y, map.size(), fill);
  } else if (contiguous) {
    std::memcpy(y, x + base + map[0], map.size() * sizeof(T));
  } else {
    for (std::size_t i = 0; i < map.size(); ++i) y[i] = map[i] == kFill ? fill : x[base + map[i]];
  }
}

/// The one data movement all others are cases of: y[i, j, ...] = x[maps[0][i] + maps[1][j] + ...].
template <class T>
void gather_as(const IndexMaps& maps, const T* x, T* y, T fill) {
  const std::vector<std::int64_t>& inner = maps.back();
  const auto row = static_cast<std::int64_t>(inner.size());
  const bool contiguous = unit_run(inner) == row;
  std::int64_t rows = row == 0 ? 0 : 1;
  for (std::size_t d = 0; d + 1 < maps.size(); ++d) {
    rows *= static_cast<std::int64_t>(maps[d].size());
  }
  parallel_each(rows, row, [&](std::int64_t r) {
    std::int64_t rest = r, base = 0;
    for (std::size_t d = maps.size() - 1; d-- > 0;) {
      const auto extent = static_cast<std::int64_t>(maps[d].size());
      const std::int64_t offset = maps[d][static_cast<std::size_t>(rest % extent)];
      base = offset == kFill || base == kFill ? kFill : base + offset;
      rest /= extent;
    }
    gather_row(inner, contiguous, base, x, y + r * row, fill);
  });
}

void gather(IndexMaps maps, const View& x, const View& y, float fill = 0) {
  if (maps.empty()) maps.push_back({0});
  visit_type(x.dtype, [&](auto sample) {
    using T = decltype(sample);
    gather_as<T>(maps, x.as<T>(), y.as<T>(), static_cast<T>(fill));
  });
}

void copy(const View& x, const View& y) {
  std::memcpy(y.data, x.data, static_cast<std::size_t>(x.size()) * size_of(x.dtype));
}

/// Input index that output index `i` of a padded dimension shows, or kFill.
std::int64_t padded_index(ir::PadMode mode, std::int64_t i, std::int64_t extent) {
  if (i >= 0 && i < extent) return i;
  switch (mode) {
    case ir::PadMode::constant:
      return kFill;
    case ir::PadMode::edge:
      return i < 0 ? 0 : extent - 1;
    case ir::PadMode::reflect:
      return i < 0 ? -i : 2 * (extent - 1) - i;
  }
  return kFill;
}

/// Coordinate in the input of output index `i` of dimension `d`.
double source_coordinate(const ir::Resize& op, std::size_t d, std::int64_t i, std::int64_t extent) {
  const auto x = static_cast<double>(i), scale = static_cast<double>(op.scales[d]);
  const auto in = static_cast<double>(extent), out = static_cast<double>(op.sizes[d]);
  switch (op.coordinates) {
    case ir::CoordinateMode::half_pixel:
      return (x + 0.5) / scale - 0.5;
    case ir::CoordinateMode::half_pixel_symmetric:
      return in / 2 * (1 - out / (scale * in)) + (x + 0.5) / scale - 0.5;
    case ir::CoordinateMode::pytorch_half_pixel:
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case ir::CoordinateMode::align_corners:
      return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case ir::CoordinateMode::asymmetric:
      return x / scale;
    case ir::CoordinateMode::tf_crop_and_resize:
      break;
  }
  const double start = static_cast<double>(op.roi[d]);
  const double end = static_cast<double>(op.roi[d + op.sizes.size()]);
  if (out > 1) return start * (in - 1) + x * (end - start) * (in - 1) / (out - 1);
  return 0.5 * (start + end) * (in - 1);
}

double nearest(ir::NearestMode mode, double x) {
  switch (mode) {
    case ir::NearestMode::round_prefer_floor:
      return std::ceil(x - 0.5);
    case ir::NearestMode::round_prefer_ceil:
      return std::floor(x + 0.5);
    case ir::NearestMode::floor:
      return std::floor(x);
    case ir::NearestMode::ceil:
      return std::ceil(x);
  }
  return x;
}

/// Checked and counted from the front.
std::vector<std::int64_t> read_indices(const Operands& o, std::int64_t extent) {
  std::vector<std::int64_t> indices;
  visit_number(o.in[1].dtype, [&](auto sample) {
    const auto* values = o.in[1].as<decltype(sample)>();
    for (std::int64_t i = 0; i < o.in[1].size(); ++i) {
      const auto index = static_cast<std::int64_t>(values[i]);
      if (index < -extent || index >= extent) {
        fail("{} (Gather): index {} is outside an axis of {} elements", o.node.name, index, extent);
      }
      indices.push_back(index < 0 ? index + extent : index);
    }
  });
  return indices;
}

}  // namespace

void run(const ir::Concat& op, const Operands& o) {
  const View& y = o.out[0];
  const auto axis = static_cast<std::size_t>(ir::normalize_axis(op.axis, y.shape.size()));
  const auto tail = [&](const Shape& shape) {
    const Shape inner(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end());
    return static_cast<std::size_t>(element_count(inner)) * size_of(y.dtype);
  };
  const Shape outer(y.shape.begin(), y.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  const std::size_t row = tail(y.shape);
  std::size_t offset = 0;
  for (const View& x : o.in) {
    const std::size_t part = tail(x.shape);
    parallel_each(element_count(outer), static_cast<std::int64_t>(part / 4), [&](std::int64_t r) {
      const auto i = static_cast<std::size_t>(r);
      std::memcpy(y.data + i * row + offset, x.data + i * part, part);
    });
    offset += part;
  }
}

void run(const ir::Flatten&, const Operands& o) { copy(o.in[0], o.out[0]); }

void run(const ir::Reshape&, const Operands& o) { copy(o.in[0], o.out[0]); }

void run(const ir::Transpose& op, const Operands& o) {
  const Shape strides = row_major_strides(o.in[0].shape);
  IndexMaps maps;
  for (std::int64_t from : op.perm) {
    const auto d = static_cast<std::size_t>(from);
    maps.push_back(ramp(o.in[0].shape[d], strides[d]));
  }
  gather(std::move(maps), o.in[0], o.out[0]);
}

void run(const ir::Pad& op, const Operands& o) {
  const Shape strides = row_major_strides(o.in[0].shape);
  IndexMaps maps;
  for (std::size_t d = 0; d < strides.size(); ++d) {
    std::vector<std::int64_t> map;
    for (std::int64_t i = 0; i < o.out[0].shape[d]; ++i) {
      const std::int64_t index = padded_index(op.mode, i - op.before[d], o.in[0].shape[d]);
      map.push_back(index == kFill ? kFill : index * strides[d]);
    }
    maps.push_back(std::move(map));
  }
  gather(std::move(maps), o.in[0], o.out[0], op.value);
}

void run(const ir::Slice& op, const Operands& o) {
  const Shape strides = row_major_strides(o.in[0].shape);
  const std::vector<ir::SliceRange> ranges = ir::resolve_slice(op, o.in[0].shape);
  IndexMaps maps;
  for (std::size_t d = 0; d < ranges.size(); ++d) {
    std::vector<std::int64_t> map;
    for (std::int64_t i = 0; i < ranges[d].extent; ++i) {
      map.push_back((ranges[d].begin + i * ranges[d].step) * strides[d]);
    }
    maps.push_back(std::move(map));
  }
  gather(std::move(maps), o.in[0], o.out[0]);
}

void run(const ir::Split& op, const Operands& o) {
  const Shape strides = row_major_strides(o.in[0].shape);
  const auto axis = static_cast<std::size_t>(ir::normalize_axis(op.axis, strides.size()));
  std::int64_t begin = 0;
  for (std::size_t part = 0; part < op.sizes.size(); ++part) {
    if (part < o.out.size() && o.out[part]) {
      IndexMaps maps;
      for (std::size_t d = 0; d < strides.size(); ++d) {
        maps.push_back(ramp(o.out[part].shape[d], strides[d]));
      }
      for (std::int64_t& offset : maps[axis]) offset += begin * strides[axis];
      gather(std::move(maps), o.in[0], o.out[part]);
    }
    begin += op.sizes[part];
  }
}

void run(const ir::Resize& op, const Operands& o) {
  const Shape &in = o.in[0].shape, strides = row_major_strides(in);
  const bool crops = op.coordinates == ir::CoordinateMode::tf_crop_and_resize;
  IndexMaps maps;
  for (std::size_t d = 0; d < strides.size(); ++d) {
    std::vector<std::int64_t> map;
    const auto last = static_cast<double>(in[d] - 1);
    for (std::int64_t i = 0; i < op.sizes[d]; ++i) {
      const double x = source_coordinate(op, d, i, in[d]);
      const bool outside = crops && (x < 0 || x > last);
      const double index = std::clamp(nearest(op.nearest, x), 0.0, last);
      map.push_back(outside ? kFill : static_cast<std::int64_t>(index) * strides[d]);
    }
    maps.push_back(std::move(map));
  }
  gather(std::move(maps), o.in[0], o.out[0], op.extrapolation_value);
}

void run(const ir::Gather& op, const Operands& o) {
  const Shape& in = o.in[0].shape;
  const auto axis = static_cast<std::size_t>(ir::normalize_axis(op.axis, in.size()));
  const Shape strides = row_major_strides(in);
  const Shape outer(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(axis));
  std::vector<std::int64_t> picks = read_indices(o, in[axis]);
  for (std::int64_t& pick : picks) pick *= strides[axis];
  gather({ramp(element_count(outer), strides[axis] * in[axis]), std::move(picks),
          ramp(strides[axis], 1)},
         o.in[0], o.out[0]);
}

void run(const ir::ShapeOf& op, const Operands& o) {
  const auto rank = static_cast<std::int64_t>(o.in[0].shape.size());
  const std::int64_t start = op.start < 0 ? op.start + rank : op.start;
  const std::int64_t first = std::clamp<std::int64_t>(start, 0, rank);
  std::copy_n(o.in[0].shape.begin() + first, o.out[0].size(), o.out[0].as<std::int64_t>());
}

void run(const ir::ConstantOfShape& op, const Operands& o) {
  visit_type(op.value.dtype(), [&](auto sample) {
    using T = decltype(sample);
    std::fill_n(o.out[0].as<T>(), o.out[0].size(), op.value.data<T>()[0]);
  });
}

void run(const ir::DepthToSpace& op, const Operands& o) {
  const Shape &in = o.in[0].shape, &out = o.out[0].shape, strides = row_major_strides(in);
  const std::int64_t block = op.block, depth = out[1];
  // Channel = (row, column, depth) in DCR mode, (depth, row, column) in CRD mode.
  const std::int64_t row_step = op.column_row_depth ? block : block * depth;
  const std::int64_t column_step = op.column_row_depth ? 1 : depth;
  const std::int64_t depth_step = op.column_row_depth ? block * block : 1;
  gather({ramp(in[0], strides[0]), ramp(depth, depth_step * strides[1]), ramp(in[2], strides[2]),
          ramp(block, row_step * strides[1]), ramp(in[3], strides[3]),
          ramp(block, column_step * strides[1])},
         o.in[0], o.out[0]);
}

}  // namespace syncopate::ref::plain
