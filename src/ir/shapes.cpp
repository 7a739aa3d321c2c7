#include "ir/shapes.h"

#include <algorithm>
#include <limits>

namespace syncopate::ir {

std::int64_t normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto dims = static_cast<std::int64_t>(rank);
  if (axis < -dims || axis >= dims) {
    fail("axis {} does not exist in a tensor of {} dimensions", axis, dims);
  }
  return axis < 0 ? axis + dims : axis;
}

Ints normalize_axes(const Ints& axes, std::size_t rank) {
  Ints result;
  std::vector<bool> seen(rank, false);
  for (std::int64_t axis : axes) {
    const std::int64_t positive = normalize_axis(axis, rank);
    const auto index = static_cast<std::size_t>(positive);
    if (seen[index]) fail("axis {} is listed twice", axis);
    seen[index] = true;
    result.push_back(positive);
  }
  return result;
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      fail("shapes {} and {} do not broadcast", to_string(a), to_string(b));
    }
    result[rank - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

Shape resolve_reshape(const Reshape& op, const Shape& input) {
  Shape result = op.shape;
  std::size_t unknown = result.size();
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] == 0 && !op.allow_zero) {
      if (i >= input.size()) {
        fail("entry {} of the new shape copies an extent that the input {} does not have", i,
             to_string(input));
      }
      result[i] = input[i];
    } else if (result[i] == -1) {
      if (unknown < result.size()) fail("the new shape has more than one -1");
      unknown = i;
    } else if (result[i] < -1) {
      fail("the new shape has the extent {}", result[i]);
    }
  }
  const std::int64_t count = element_count(input);
  if (unknown < result.size()) {
    result[unknown] = 1;
    const std::int64_t rest = element_count(result);
    if (rest == 0 || count % rest != 0) {
      result[unknown] = -1;
      fail("{} elements ({}) do not fit the new shape {}", count, to_string(input),
           to_string(result));
    }
    result[unknown] = count / rest;
  }
  if (element_count(result) != count) {
    fail("{} elements ({}) do not fit the new shape {}", count, to_string(input),
         to_string(result));
  }
  return result;
}

namespace {

SliceRange slice_range(std::int64_t start, std::int64_t end, std::int64_t step,
                       std::int64_t extent) {
  if (step == 0) fail("a slice step is 0");
  // A step beyond the extent takes one element, whatever its size; this keeps -step in range.
  const std::int64_t reach = std::max<std::int64_t>(extent, 1);
  step = std::clamp(step, -reach, reach);
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, extent);
    end = std::clamp<std::int64_t>(end, 0, extent);
    return {start, step, std::max<std::int64_t>(0, (end - start + step - 1) / step)};
  }
  start = std::clamp<std::int64_t>(start, -1, extent - 1);
  end = std::clamp<std::int64_t>(end, -1, extent - 1);
  return {start, step, std::max<std::int64_t>(0, (start - end - step - 1) / -step)};
}

}  // namespace

std::vector<SliceRange> resolve_slice(const Slice& op, const Shape& input) {
  if (op.starts.size() != op.ends.size() || op.starts.size() != op.axes.size() ||
      op.starts.size() != op.steps.size()) {
    fail("starts, ends, axes and steps have {}, {}, {} and {} entries", op.starts.size(),
         op.ends.size(), op.axes.size(), op.steps.size());
  }
  std::vector<SliceRange> ranges;
  for (std::int64_t extent : input) ranges.push_back({0, 1, extent});
  const Ints axes = normalize_axes(op.axes, input.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i]);
    ranges[axis] = slice_range(op.starts[i], op.ends[i], op.steps[i], input[axis]);
  }
  return ranges;
}

void check_window(const Window& window, std::size_t spatial) {
  if (spatial < 1 || spatial > 3) {
    fail("{} spatial dimensions are not supported (1 to 3 are)", spatial);
  }
  const auto check = [&](const Ints& entries, std::string_view what, std::int64_t low) {
    if (entries.size() != spatial) {
      fail("{} has {} entries for {} spatial dimensions", what, entries.size(), spatial);
    }
    for (std::int64_t entry : entries) {
      if (entry < low || entry > kMaxWindow) {
        fail("{} holds {}, outside {} to {}", what, entry, low, kMaxWindow);
      }
    }
  };
  check(window.kernel, "kernel shape", 1);
  check(window.strides, "strides", 1);
  check(window.dilations, "dilations", 1);
  check(window.pads_begin, "leading pads", 0);
  check(window.pads_end, "trailing pads", 0);
}

std::int64_t window_extent(const Window& window, std::size_t d, std::int64_t input,
                           bool ceil_mode) {
  const std::int64_t span = (window.kernel[d] - 1) * window.dilations[d] + 1;
  const std::int64_t stride = window.strides[d];
  const std::int64_t room = input + window.pads_begin[d] + window.pads_end[d] - span;
  if (room < 0) {
    fail("a window of {} is wider than the padded input of {} in spatial dimension {}", span,
         input + window.pads_begin[d] + window.pads_end[d], d);
  }
  std::int64_t extent = (ceil_mode ? room + stride - 1 : room) / stride + 1;
  if (ceil_mode && (extent - 1) * stride >= input + window.pads_begin[d]) --extent;
  return extent;
}

}  // namespace syncopate::ir
