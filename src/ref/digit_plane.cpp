#include "ref/digit_plane.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <numeric>

#include "base/simd.h"
#include "ref/loops.h"

namespace syncopate::ref {
namespace {

/// Rows longer than this are not merged further: they are what threads share out.
constexpr std::int64_t kRowElements = 4096;
/// Elements worth a task.
constexpr std::int64_t kTaskElements = 8 * kRowElements;

SYNCOPATE_MULTIVERSION
void split_i16(const std::int16_t* __restrict in, std::int64_t count, std::int16_t* __restrict high,
               std::int16_t* __restrict low) {
  for (std::int64_t i = 0; i < count; ++i) {
    const int x = in[i];
    const int h = (x + 128) >> 8;
    high[i] = static_cast<std::int16_t>(h);
    low[i] = static_cast<std::int16_t>(x - (h << 8));
  }
}

SYNCOPATE_MULTIVERSION
void upper_bytes(const std::int16_t* __restrict in, std::int64_t count,
                 std::uint8_t* __restrict upper) {
  for (std::int64_t i = 0; i < count; ++i) upper[i] = static_cast<std::uint8_t>((in[i] >> 8) + 128);
}

SYNCOPATE_MULTIVERSION
void widen_i8(const std::int8_t* __restrict in, std::int64_t count, std::int16_t* __restrict out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
}

/// The planes from some element on.
struct Planes {
  Split split;
  std::int16_t* first;
  void* second;

  Planes(Split the_split, std::int16_t* plane, std::int64_t elements, std::int64_t at)
      : split(the_split), first(plane + at) {
    second = split == Split::digits ? static_cast<void*>(plane + elements + at)
                                    : reinterpret_cast<std::uint8_t*>(plane + elements) + at;
  }

  /// Elements [begin, begin + count): what zeros become.
  void pad(std::int64_t begin, std::int64_t count) const {
    std::fill_n(first + begin, count, std::int16_t{0});
    if (split == Split::digits) {
      std::fill_n(static_cast<std::int16_t*>(second) + begin, count, std::int16_t{0});
    } else if (split == Split::bytes) {
      std::fill_n(static_cast<std::uint8_t*>(second) + begin, count, std::uint8_t{128});
    }
  }
  void put(std::int64_t begin, const std::int16_t* in, std::int64_t count) const {
    if (split == Split::digits) {
      split_i16(in, count, first + begin, static_cast<std::int16_t*>(second) + begin);
      return;
    }
    std::copy_n(in, count, first + begin);
    if (split == Split::bytes) {
      upper_bytes(in, count, static_cast<std::uint8_t*>(second) + begin);
    }
  }
  /// 8-bit activations need no second plane.
  void put(std::int64_t begin, const std::int8_t* in, std::int64_t count) const {
    widen_i8(in, count, first + begin);
  }
};

}  // namespace

DigitPlane::DigitPlane(const gconv::GConv& gconv, Split split)
    : split_(split), input_base_(gconv.input.base), steps_(gconv.dims.size()) {
  std::vector<std::size_t> order(gconv.dims.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(gconv.input.strides[a]) > std::abs(gconv.input.strides[b]);
  });
  for (std::size_t i = order.size(); i-- > 0;) {
    const std::size_t d = order[i];
    const gconv::Dim& dim = gconv.dims[d];
    const Reach reach = reach_of(dim);
    const std::int64_t stride = gconv.input.strides[d];
    steps_[d] = elements_;
    input_base_ += reach.begin * stride;
    const std::int64_t valid_end =
        std::clamp(dim.nips - reach.begin, std::int64_t{0}, reach.extent());
    const std::int64_t valid_begin = std::clamp(-reach.begin, std::int64_t{0}, valid_end);
    if (reach.extent() > 1 || valid_begin > 0 || valid_end < 1) {
      axes_.push_back({reach.extent(), stride, steps_[d], valid_begin, valid_end});
    }
    if (dim.ng > 1) {
      axes_.push_back({dim.ng, stride * dim.nips, elements_ * reach.extent(), 0, dim.ng});
    }
    elements_ *= reach.extent() * dim.ng;
  }
  std::reverse(axes_.begin(), axes_.end());
  merge_inner_axes();
}

std::size_t DigitPlane::reserve() const {
  return static_cast<std::size_t>(elements_ * (split_ == Split::none ? 1 : 2) + 64);
}

gconv::GConv DigitPlane::on_plane(gconv::GConv gconv) const {
  gconv.input.base = 0;
  gconv.input.strides = steps_;
  for (gconv::Dim& dim : gconv.dims) {
    dim.nips = reach_of(dim).extent();
    dim.pad = 0;
  }
  return gconv;
}

void DigitPlane::merge_inner_axes() {
  if (axes_.empty()) axes_.push_back({});
  while (axes_.size() > 1 && axes_.back().whole() && axes_.back().input == contiguous_ &&
         contiguous_ * axes_.back().extent < kRowElements) {
    contiguous_ *= axes_.back().extent;
    axes_.pop_back();
  }
}

template <class T>
void DigitPlane::fill_row(const T* input, std::int64_t row, std::int16_t* plane) const {
  std::int64_t from = input_base_;
  std::int64_t to = 0;
  bool valid = true;
  for (std::size_t a = axes_.size() - 1; a-- > 0;) {
    const Axis& axis = axes_[a];
    const std::int64_t i = row % axis.extent;
    row /= axis.extent;
    from += i * axis.input;
    to += i * axis.plane;
    valid = valid && i >= axis.valid_begin && i < axis.valid_end;
  }
  const Axis& last = axes_.back();
  const std::int64_t begin = valid ? last.valid_begin : 0;
  const std::int64_t end = valid ? last.valid_end : 0;
  const std::int64_t c = contiguous_;
  const Planes planes(split_, plane, elements_, to);
  planes.pad(0, begin * c);
  planes.pad(end * c, (last.extent - end) * c);
  if (last.input == c) {
    planes.put(begin * c, input + from + begin * c, (end - begin) * c);
    return;
  }
  for (std::int64_t i = begin; i < end; ++i) {
    planes.put(i * c, input + from + i * last.input, c);
  }
}

template <class T>
void DigitPlane::fill_rows(const T* input, std::int16_t* plane) const {
  std::int64_t rows = 1;
  for (std::size_t a = 0; a + 1 < axes_.size(); ++a) rows *= axes_[a].extent;
  const std::int64_t row_elements = axes_.back().extent * contiguous_;
  const std::int64_t grain = std::max<std::int64_t>(1, kTaskElements / row_elements);
  tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, rows, grain), [&](const auto& range) {
    for (std::int64_t row = range.begin(); row < range.end(); ++row) fill_row(input, row, plane);
  });
}

/// Whether no element of the plane is padding and neighbors in it are neighbors in the input.
bool DigitPlane::lies_like_input() const {
  return std::ranges::all_of(
      axes_, [](const Axis& axis) { return axis.whole() && axis.input == axis.plane; });
}

DigitPlane::Filled DigitPlane::fill(const Tensor& input, bool in_place, std::int16_t* plane) const {
  // What the last pixel may read past the end meets zero weights, but is defined.
  auto* end = reinterpret_cast<std::byte*>(plane + elements_);
  if (split_ != Split::none) end += split_ == Split::digits ? 2 * elements_ : elements_;
  std::fill_n(end, 64, std::byte{0});
  std::int16_t* second = plane + elements_;
  if (input.dtype() == DType::i8) {
    fill_rows(input.data<std::int8_t>().data(), plane);
    return {plane, second};
  }
  const std::int16_t* from = input.data<std::int16_t>().data();
  if (!in_place || split_ == Split::digits || !lies_like_input()) {
    fill_rows(from, plane);
    return {plane, second};
  }
  from += input_base_;
  if (split_ == Split::none) return {from, from};
  auto* upper = reinterpret_cast<std::uint8_t*>(second);
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, elements_, kTaskElements), [&](const auto& range) {
        upper_bytes(from + range.begin(), range.end() - range.begin(), upper + range.begin());
      });
  return {from, second};
}

}  // namespace syncopate::ref
