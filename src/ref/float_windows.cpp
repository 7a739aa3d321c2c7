#include <array>
#include <cmath>
#include <limits>

#include "ref/float_kernels.h"
#include "ref/float_parallel.h"

namespace syncopate::ref::plain {
namespace {

using Extents = std::array<std::int64_t, 3>;

/// A sliding window over [N, C, spatial], with one or two spatial dimensions lifted to three by
/// extents of 1 in front.
struct Sliding {
  Extents in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Extents begin{0, 0, 0}, end{0, 0, 0};  ///< Padding.

  Sliding(const ir::Window& window, const Shape& x, const Shape& y) {
    const std::size_t spatial = window.kernel.size();
    for (std::size_t d = 0; d < spatial; ++d) {
      const std::size_t at = 3 - spatial + d;
      in[at] = x[d + 2];
      out[at] = y[d + 2];
      kernel[at] = window.kernel[d];
      stride[at] = window.strides[d];
      dilation[at] = window.dilations[d];
      begin[at] = window.pads_begin[d];
      end[at] = window.pads_end[d];
    }
  }
  static std::int64_t volume(const Extents& e) { return e[0] * e[1] * e[2]; }
  std::int64_t in_plane() const { return volume(in); }
  std::int64_t out_plane() const { return volume(out); }
  std::int64_t taps() const { return volume(kernel); }
  Extents position(std::int64_t flat) const {
    return {flat / (out[1] * out[2]), flat / out[2] % out[1], flat % out[2]};
  }
};

/// Kernel taps [first, last) along one dimension that fall inside the input at output index `o`.
struct Taps {
  std::int64_t first, last, start;
};
Taps taps_inside(const Sliding& s, std::size_t d, std::int64_t o) {
  const std::int64_t start = o * s.stride[d] - s.begin[d], step = s.dilation[d];
  const std::int64_t first = start >= 0 ? 0 : (-start + step - 1) / step;
  const std::int64_t reach = s.in[d] - start;
  const std::int64_t last = reach <= 0 ? 0 : std::min(s.kernel[d], (reach + step - 1) / step);
  return {first, last, start};
}

/// Calls body(input offset in the plane, tap number) for every tap inside the input.
template <class Body>
void for_taps(const Sliding& s, const Extents& at, const Body& body) {
  const Taps a = taps_inside(s, 0, at[0]), b = taps_inside(s, 1, at[1]),
             c = taps_inside(s, 2, at[2]);
  for (std::int64_t i = a.first; i < a.last; ++i) {
    const std::int64_t x0 = (a.start + i * s.dilation[0]) * s.in[1];
    for (std::int64_t j = b.first; j < b.last; ++j) {
      const std::int64_t x1 = (x0 + b.start + j * s.dilation[1]) * s.in[2] + c.start;
      const std::int64_t k1 = (i * s.kernel[1] + j) * s.kernel[2];
      for (std::int64_t k = c.first; k < c.last; ++k) body(x1 + k * s.dilation[2], k1 + k);
    }
  }
}

/// The sum of products of convolutions, before bias and scaling; store(m, index, sum) keeps it.
template <class Acc, class X, class W, class Store>
void convolve(const Sliding& s, std::int64_t group, const View& x, const View& w,
              const Store& store, Acc x_zero, const std::vector<Acc>& w_zero) {
  const X* px = x.as<X>();
  const W* pw = w.as<W>();
  const std::int64_t outs = w.shape[0], ins = w.shape[1], per_group = outs / group;
  const std::int64_t planes = x.shape[0] * outs, channels = x.shape[1];
  parallel_each(planes, s.out_plane() * ins * s.taps(), [&](std::int64_t plane) {
    const std::int64_t n = plane / outs, m = plane % outs;
    const Acc zero =
        w_zero.empty() ? Acc{0} : w_zero[w_zero.size() == 1 ? 0 : static_cast<std::size_t>(m)];
    const X* from = px + (n * channels + m / per_group * ins) * s.in_plane();
    for (std::int64_t o = 0; o < s.out_plane(); ++o) {
      const Extents at = s.position(o);
      Acc sum{0};
      for (std::int64_t c = 0; c < ins; ++c) {
        const X* in = from + c * s.in_plane();
        const W* kernel = pw + (m * ins + c) * s.taps();
        for_taps(s, at, [&](std::int64_t i, std::int64_t k) {
          sum += (static_cast<Acc>(in[i]) - x_zero) * (static_cast<Acc>(kernel[k]) - zero);
        });
      }
      store(m, plane * s.out_plane() + o, sum);
    }
  });
}

template <class X, class W, class Y>
void quantized_conv(const ir::QLinearConv& op, const Operands& o) {
  const Sliding s(op.window, o.in[0].shape, o.out[0].shape);
  const float* w_scale = o.in[4].as<float>();
  const bool per_channel = o.in[4].size() > 1;
  const double outer = static_cast<double>(*o.in[1].as<float>()) / *o.in[6].as<float>();
  const double y_zero = *o.in[7].as<Y>();
  const View bias = o.input(8);
  const std::int32_t* offset = bias ? bias.as<std::int32_t>() : nullptr;
  std::vector<std::int64_t> w_zero;
  for (std::int64_t i = 0; i < o.in[5].size(); ++i) w_zero.push_back(o.in[5].as<W>()[i]);
  Y* y = o.out[0].as<Y>();
  const auto store = [&](std::int64_t m, std::int64_t at, std::int64_t sum) {
    const double factor = outer * static_cast<double>(w_scale[per_channel ? m : 0]);
    const auto total = static_cast<double>(sum + (offset ? offset[m] : 0));
    const double level = std::nearbyint(total * factor) + y_zero;
    y[at] = static_cast<Y>(
        std::clamp<double>(level, std::numeric_limits<Y>::lowest(), std::numeric_limits<Y>::max()));
  };
  convolve<std::int64_t, X, W>(s, op.group, o.in[0], o.in[3], store, *o.in[2].as<X>(), w_zero);
}

/// Largest element under the window and where it is, -1 when the window sees padding only. NaN
/// wins.
template <class T>
std::pair<T, std::int64_t> window_max(const Sliding& s, const Extents& at, const T* x) {
  T best = std::numeric_limits<T>::lowest();
  if constexpr (std::is_same_v<T, float>) best = -std::numeric_limits<float>::infinity();
  std::int64_t where = -1;
  for_taps(s, at, [&](std::int64_t i, std::int64_t) {
    if (where < 0 || x[i] > best || x[i] != x[i]) {
      if (best == best || where < 0) {
        best = x[i];
        where = i;
      }
    }
  });
  return {best, where};
}

/// ONNX index of a maximum: flat in the whole tensor, each plane in row- or column-major order.
std::int64_t max_index(const Sliding& s, bool column_major, std::int64_t plane, std::int64_t at) {
  if (at < 0 || !column_major) return plane * s.in_plane() + at;
  const std::int64_t d = at / (s.in[1] * s.in[2]), h = at / s.in[2] % s.in[1], w = at % s.in[2];
  // With fewer than three dimensions the leading extents are 1, so the first ones vary fastest.
  return plane * s.in_plane() + (w * s.in[1] + h) * s.in[0] + d;
}

template <class T>
void max_pool(const ir::Pool& op, const Operands& o) {
  const Sliding s(op.window, o.in[0].shape, o.out[0].shape);
  const T* x = o.in[0].as<T>();
  T* y = o.out[0] ? o.out[0].as<T>() : nullptr;
  const bool wants_indices = o.out.size() > 1 && o.out[1];
  std::int64_t* indices = wants_indices ? o.out[1].as<std::int64_t>() : nullptr;
  parallel_each(o.in[0].shape[0] * o.in[0].shape[1], s.out_plane() * s.taps(), [&](std::int64_t p) {
    for (std::int64_t i = 0; i < s.out_plane(); ++i) {
      const auto [value, where] = window_max(s, s.position(i), x + p * s.in_plane());
      if (y) y[p * s.out_plane() + i] = value;
      if (indices) {
        indices[p * s.out_plane() + i] = max_index(s, op.column_major_indices, p, where);
      }
    }
  });
}

/// Elements an average divides by when padding counts: those inside the padded input, so that what
/// ceil_mode adds behind it does not count.
std::int64_t padded_taps(const Sliding& s, const Extents& at) {
  std::int64_t count = 1;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t start = at[d] * s.stride[d] - s.begin[d];
    const std::int64_t reach = s.in[d] + s.end[d] - start;
    count *= std::min(s.kernel[d], (reach + s.dilation[d] - 1) / s.dilation[d]);
  }
  return count;
}

void average_pool(const ir::Pool& op, const Operands& o) {
  const Sliding s(op.window, o.in[0].shape, o.out[0].shape);
  const float* x = o.in[0].as<float>();
  float* y = o.out[0].as<float>();
  parallel_each(o.in[0].shape[0] * o.in[0].shape[1], s.out_plane() * s.taps(), [&](std::int64_t p) {
    for (std::int64_t i = 0; i < s.out_plane(); ++i) {
      const Extents at = s.position(i);
      double sum = 0;
      std::int64_t count = 0;
      for_taps(s, at, [&](std::int64_t from, std::int64_t) {
        sum += static_cast<double>(x[p * s.in_plane() + from]);
        ++count;
      });
      if (op.count_include_pad) count = padded_taps(s, at);
      y[p * s.out_plane() + i] =
          count == 0 ? 0 : static_cast<float>(sum / static_cast<double>(count));
    }
  });
}

/// One output element of a transposed convolution: the inputs whose windows reach it.
double transposed_sum(const Sliding& s, const Extents& at, const float* x, const float* w) {
  double sum = 0;
  const auto source = [&](std::size_t d, std::int64_t k) -> std::int64_t {
    const std::int64_t reach = at[d] + s.begin[d] - k * s.dilation[d];
    const bool hit = reach >= 0 && reach % s.stride[d] == 0 && reach / s.stride[d] < s.in[d];
    return hit ? reach / s.stride[d] : -1;
  };
  for (std::int64_t i = 0; i < s.kernel[0]; ++i) {
    const std::int64_t a = source(0, i);
    for (std::int64_t j = 0; a >= 0 && j < s.kernel[1]; ++j) {
      const std::int64_t b = source(1, j);
      for (std::int64_t k = 0; b >= 0 && k < s.kernel[2]; ++k) {
        const std::int64_t c = source(2, k);
        if (c < 0) continue;
        sum += static_cast<double>(x[(a * s.in[1] + b) * s.in[2] + c]) *
               static_cast<double>(w[(i * s.kernel[1] + j) * s.kernel[2] + k]);
      }
    }
  }
  return sum;
}

}  // namespace

void run(const ir::Conv& op, const Operands& o) {
  const Sliding s(op.window, o.in[0].shape, o.out[0].shape);
  const View bias = o.input(2);
  const float* offset = bias ? bias.as<float>() : nullptr;
  float* y = o.out[0].as<float>();
  const auto store = [&](std::int64_t m, std::int64_t at, double sum) {
    y[at] = static_cast<float>(sum + static_cast<double>(offset ? offset[m] : 0));
  };
  convolve<double, float, float>(s, op.group, o.in[0], o.in[1], store, 0, {});
}

void run(const ir::QLinearConv& op, const Operands& o) {
  const auto pick_output = [&](auto x, auto w) {
    if (o.out[0].dtype == DType::u8) {
      quantized_conv<decltype(x), decltype(w), std::uint8_t>(op, o);
    } else {
      quantized_conv<decltype(x), decltype(w), std::int8_t>(op, o);
    }
  };
  const auto pick_weights = [&](auto x) {
    if (o.in[3].dtype == DType::u8) {
      pick_output(x, std::uint8_t{});
    } else {
      pick_output(x, std::int8_t{});
    }
  };
  if (o.in[0].dtype == DType::u8) {
    pick_weights(std::uint8_t{});
  } else {
    pick_weights(std::int8_t{});
  }
}

void run(const ir::ConvTranspose& op, const Operands& o) {
  const Sliding s(op.window, o.in[0].shape, o.out[0].shape);
  const float *x = o.in[0].as<float>(), *w = o.in[1].as<float>();
  const View bias = o.input(2);
  float* y = o.out[0].as<float>();
  const std::int64_t ins = o.in[0].shape[1] / op.group, per_group = o.in[1].shape[1];
  const std::int64_t outs = per_group * op.group;
  parallel_each(o.in[0].shape[0] * outs, s.out_plane() * ins * s.taps(), [&](std::int64_t plane) {
    const std::int64_t n = plane / outs, m = plane % outs, first = m / per_group * ins;
    const auto offset = static_cast<double>(bias ? bias.as<float>()[m] : 0);
    for (std::int64_t i = 0; i < s.out_plane(); ++i) {
      double sum = offset;
      for (std::int64_t c = first; c < first + ins; ++c) {
        sum += transposed_sum(s, s.position(i), x + (n * ins * op.group + c) * s.in_plane(),
                              w + (c * per_group + m % per_group) * s.taps());
      }
      y[plane * s.out_plane() + i] = static_cast<float>(sum);
    }
  });
}

void run(const ir::Pool& op, const Operands& o) {
  if (op.kind == ir::PoolKind::average) return average_pool(op, o);
  visit_number(o.in[0].dtype, [&](auto sample) { max_pool<decltype(sample)>(op, o); });
}

void run(const ir::GlobalPool& op, const Operands& o) {
  const std::int64_t planes = o.in[0].shape[0] * o.in[0].shape[1];
  const std::int64_t plane = planes == 0 ? 0 : o.in[0].size() / planes;
  const bool average = op.kind == ir::PoolKind::average;
  visit_number(o.in[0].dtype, [&](auto sample) {
    using T = decltype(sample);
    const T* x = o.in[0].as<T>();
    T* y = o.out[0].as<T>();
    parallel_each(planes, plane, [&](std::int64_t p) {
      double sum = 0;
      T best = x[p * plane];
      for (std::int64_t i = p * plane; i < (p + 1) * plane; ++i) {
        sum += static_cast<double>(x[i]);
        if (x[i] > best || x[i] != x[i]) best = x[i];
      }
      y[p] = average ? static_cast<T>(sum / static_cast<double>(plane)) : best;
    });
  });
}

void run(const ir::Lrn& op, const Operands& o) {
  const float* x = o.in[0].as<float>();
  float* y = o.out[0].as<float>();
  const std::int64_t channels = o.in[0].shape[1], planes = o.in[0].shape[0] * channels;
  const std::int64_t plane = planes == 0 ? 0 : o.in[0].size() / planes;
  const double share = static_cast<double>(op.alpha) / static_cast<double>(op.size);
  parallel_each(planes, plane * op.size * 2, [&](std::int64_t p) {
    const std::int64_t c = p % channels;
    const std::int64_t first = std::max<std::int64_t>(0, c - (op.size - 1) / 2);
    const std::int64_t last = std::min(channels - 1, c + op.size / 2);
    for (std::int64_t i = 0; i < plane; ++i) {
      double squares = 0;
      for (std::int64_t k = first; k <= last; ++k) {
        const auto v = static_cast<double>(x[(p - c + k) * plane + i]);
        squares += v * v;
      }
      const double scale = static_cast<double>(op.bias) + share * squares;
      y[p * plane + i] = static_cast<float>(static_cast<double>(x[p * plane + i]) /
                                            std::pow(scale, static_cast<double>(op.beta)));
    }
  });
}

}  // namespace syncopate::ref::plain
