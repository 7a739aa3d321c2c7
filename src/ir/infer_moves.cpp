#include <algorithm>

#include "ir/infer_rules.h"
#include "ir/shapes.h"

namespace syncopate::ir::rules {

Results infer(const Concat& op, const Inputs& in) {
  const auto axis = static_cast<std::size_t>(normalize_axis(op.axis, in.rank(0)));
  Shape y = in.shape(0);
  for (std::size_t i = 1; i < in.count(); ++i) {
    in.expect_type(i, in.dtype(0), "an input");
    Shape other = in.shape(i);
    if (other.size() == y.size()) {
      y[axis] += other[axis];
      other[axis] = y[axis];
    }
    if (other != y) {
      fail("inputs {} and {} do not join along axis {}", to_string(in.shape(0)),
           to_string(in.shape(i)), axis);
    }
    element_count(y);
  }
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const Flatten& op, const Inputs& in) {
  const auto rank = static_cast<std::int64_t>(in.rank(0));
  const std::int64_t axis = op.axis == rank ? rank : normalize_axis(op.axis, in.rank(0));
  const Shape& x = in.shape(0);
  return {{in.dtype(0),
           {element_count(Shape(x.begin(), x.begin() + axis)),
            element_count(Shape(x.begin() + axis, x.end()))}}};
}

Results infer(const Reshape& op, const Inputs& in) {
  return {{in.dtype(0), resolve_reshape(op, in.shape(0))}};
}

Results infer(const Transpose& op, const Inputs& in) {
  const Shape& x = in.shape(0);
  std::vector<bool> seen(x.size(), false);
  Shape y;
  for (std::int64_t axis : op.perm) {
    const auto dim = static_cast<std::size_t>(axis);
    if (axis < 0 || dim >= x.size() || seen[dim]) {
      fail("perm {} is not a permutation of the {} dimensions of the input", to_string(op.perm),
           x.size());
    }
    seen[dim] = true;
    y.push_back(x[dim]);
  }
  if (y.size() != x.size()) {
    fail("perm has {} entries for an input of {} dimensions", y.size(), x.size());
  }
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const Pad& op, const Inputs& in) {
  Shape y = in.shape(0);
  if (op.before.size() != y.size() || op.after.size() != y.size()) {
    fail("{} + {} pads for an input of {} dimensions", op.before.size(), op.after.size(), y.size());
  }
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  for (std::size_t d = 0; d < y.size(); ++d) {
    const std::int64_t before = op.before[d], after = op.after[d], extent = y[d];
    if (std::min(before, after) < -kLimit || std::max(before, after) > kLimit) {
      fail("pads of {} and {} in dimension {} are out of range", before, after, d);
    }
    if (extent + std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(after, 0) < 0) {
      fail("pads of {} and {} crop more than the {} elements of dimension {}", before, after,
           extent, d);
    }
    const std::int64_t most = std::max(before, after);
    if (op.mode == PadMode::reflect && most > 0 && most >= extent) {
      fail("reflecting {} elements needs more than the {} of dimension {}", most, extent, d);
    }
    if (op.mode == PadMode::edge && most > 0 && extent == 0) {
      fail("dimension {} has no edge to repeat", d);
    }
    y[d] = extent + before + after;
  }
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const Slice& op, const Inputs& in) {
  Shape y;
  for (const SliceRange& range : resolve_slice(op, in.shape(0))) y.push_back(range.extent);
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const Split& op, const Inputs& in) {
  const auto axis = static_cast<std::size_t>(normalize_axis(op.axis, in.rank(0)));
  if (op.sizes.size() != in.outputs()) {
    fail("{} sizes for {} outputs", op.sizes.size(), in.outputs());
  }
  std::int64_t left = in.shape(0)[axis];
  Results results;
  for (std::int64_t size : op.sizes) {
    if (size < 0 || size > left) {
      fail("sizes {} do not add up to the {} elements of axis {}", to_string(op.sizes),
           in.shape(0)[axis], axis);
    }
    left -= size;
    results.push_back({in.dtype(0), in.shape(0)});
    results.back().shape[axis] = size;
  }
  if (left != 0) {
    fail("sizes {} do not add up to the {} elements of axis {}", to_string(op.sizes),
         in.shape(0)[axis], axis);
  }
  return results;
}

Results infer(const Resize& op, const Inputs& in) {
  const Shape& x = in.shape(0);
  if (op.sizes.size() != x.size() || op.scales.size() != x.size()) {
    fail("{} sizes and {} scales for an input of {} dimensions", op.sizes.size(), op.scales.size(),
         x.size());
  }
  if (op.coordinates == CoordinateMode::tf_crop_and_resize && op.roi.size() != 2 * x.size()) {
    fail("the region of interest has {} entries, expected {}", op.roi.size(), 2 * x.size());
  }
  for (std::size_t d = 0; d < x.size(); ++d) {
    if (!(op.scales[d] > 0)) fail("scale {} of dimension {} is not positive", op.scales[d], d);
    if (op.sizes[d] < 0 || (x[d] == 0 && op.sizes[d] != 0)) {
      fail("dimension {} of {} elements cannot become {}", d, x[d], op.sizes[d]);
    }
  }
  return {{in.dtype(0), op.sizes}};
}

Results infer(const Gather& op, const Inputs& in) {
  const auto axis = normalize_axis(op.axis, in.rank(0));
  if (in.dtype(1) != DType::i32 && in.dtype(1) != DType::i64) {
    fail("indices have the type {}, expected i32 or i64", name_of(in.dtype(1)));
  }
  const Shape &x = in.shape(0), &indices = in.shape(1);
  Shape y(x.begin(), x.begin() + axis);
  y.insert(y.end(), indices.begin(), indices.end());
  y.insert(y.end(), x.begin() + axis + 1, x.end());
  return {{in.dtype(0), std::move(y)}};
}

Results infer(const ShapeOf& op, const Inputs& in) {
  const auto rank = static_cast<std::int64_t>(in.rank(0));
  const auto clamp = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = clamp(op.start), end = clamp(op.end.value_or(rank));
  return {{DType::i64, {std::max<std::int64_t>(0, end - start)}}};
}

Results infer(const ConstantOfShape& op, const Inputs& in) {
  in.expect_type(0, DType::i64, "the shape");
  if (!in.value(0).constant) {
    fail("the shape '{}' must be a constant, because shapes are fixed before a network runs",
         in.value(0).name);
  }
  if (op.value.size() != 1) fail("the value has {} elements, expected 1", op.value.size());
  const auto extents = in.value(0).constant->data<std::int64_t>();
  Shape y(extents.begin(), extents.end());
  element_count(y);
  return {{op.value.dtype(), std::move(y)}};
}

Results infer(const DepthToSpace& op, const Inputs& in) {
  const Shape& x = in.shape(0);
  if (x.size() != 4) fail("the input {} should be [N, C, H, W]", to_string(x));
  if (op.block < 1 || op.block > kMaxWindow || x[1] % (op.block * op.block) != 0) {
    fail("{} channels do not divide into blocks of {}x{}", x[1], op.block, op.block);
  }
  element_count({x[2], op.block});
  element_count({x[3], op.block});
  return {{in.dtype(0), {x[0], x[1] / (op.block * op.block), x[2] * op.block, x[3] * op.block}}};
}

}  // namespace syncopate::ir::rules
