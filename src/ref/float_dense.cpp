// Compiled alone: other files of the folder have names of their own that are the same.
#include "ref/float_dense.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/simd.h"
#include "ir/shapes.h"
#include "ref/float_kernels.h"
#include "ref/float_parallel.h"

namespace syncopate::ref {
namespace {

constexpr std::int64_t kLanes = 64;  ///< Partial sums of a dot product.

/// Dot products of one row of x with outputs [begin, end). The inner loop over independent partial
/// sums vectorizes without reassociating anything.
SYNCOPATE_MULTIVERSION
void dot_products(const float* x, const float* w, float* y, std::int64_t ins, std::int64_t begin,
                  std::int64_t end) {
  for (std::int64_t o = begin; o < end; ++o) {
    const float* row = w + o * ins;
    float partial[kLanes] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= ins; i += kLanes) {
      for (std::int64_t l = 0; l < kLanes; ++l) partial[l] += x[i + l] * row[i + l];
    }
    for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
      for (std::int64_t l = 0; l < width; ++l) partial[l] += partial[l + width];
    }
    float sum = partial[0];
    for (; i < ins; ++i) sum += x[i] * row[i];
    y[o] = sum;
  }
}

/// Adds ins rows of weights, scaled by x, into outputs [begin, end).
SYNCOPATE_MULTIVERSION
void scaled_rows(const float* x, const float* w, float* y, std::int64_t ins, std::int64_t outs,
                 std::int64_t begin, std::int64_t end) {
  std::fill(y + begin, y + end, 0.0F);
  for (std::int64_t i = 0; i < ins; ++i) {
    const float factor = x[i];
    const float* row = w + i * outs;
    for (std::int64_t o = begin; o < end; ++o) y[o] += factor * row[o];
  }
}

void finish(float* y, std::int64_t begin, std::int64_t end, const DenseEnd& how) {
  for (std::int64_t o = begin; o < end; ++o) {
    const float value = how.alpha * y[o] + (how.bias ? how.bias[o] : 0);
    y[o] = how.relu && value <= 0 ? 0 : value;
  }
}

}  // namespace

void dense_rows(const float* x, const float* w, float* y, std::int64_t rows, std::int64_t ins,
                std::int64_t outs, const DenseEnd& end) {
  parallel_ranges(outs, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, ins * rows)),
                  [&](std::int64_t from, std::int64_t to) {
                    // Few outputs at a time, so that their weights are still cached for the next
                    // row.
                    for (std::int64_t o = from; o < to; o += 8) {
                      const std::int64_t stop = std::min(to, o + 8);
                      for (std::int64_t r = 0; r < rows; ++r) {
                        dot_products(x + r * ins, w, y + r * outs, ins, o, stop);
                        finish(y + r * outs, o, stop, end);
                      }
                    }
                  });
}

void dense_columns(const float* x, const float* w, float* y, std::int64_t rows, std::int64_t ins,
                   std::int64_t outs, const DenseEnd& end) {
  parallel_ranges(outs, std::max<std::int64_t>(64, 16384 / std::max<std::int64_t>(1, ins * rows)),
                  [&](std::int64_t from, std::int64_t to) {
                    for (std::int64_t r = 0; r < rows; ++r) {
                      scaled_rows(x + r * ins, w, y + r * outs, ins, outs, from, to);
                      finish(y + r * outs, from, to, end);
                    }
                  });
}

namespace plain {
namespace {

/// Offsets of the matrices of a batched product: one per matrix of the result.
struct Batches {
  std::vector<std::int64_t> a, b;
};

/// A matrix product after vectors are made matrices: extents and where each matrix starts.
struct Product {
  std::int64_t m = 1, k = 1, n = 1;
  Batches batches;
};

Product product_of(Shape a, Shape b) {
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  Product p{a[a.size() - 2], a.back(), b.back(), {}};
  const Shape outer_a(a.begin(), a.end() - 2), outer_b(b.begin(), b.end() - 2);
  const Shape outer = ir::broadcast_shapes(outer_a, outer_b);
  const Shape step_a = broadcast_strides(outer_a, outer),
              step_b = broadcast_strides(outer_b, outer);
  for (std::int64_t i = 0; i < element_count(outer); ++i) {
    std::int64_t rest = i, at_a = 0, at_b = 0;
    for (std::size_t d = outer.size(); d-- > 0;) {
      at_a += rest % outer[d] * step_a[d];
      at_b += rest % outer[d] * step_b[d];
      rest /= outer[d];
    }
    p.batches.a.push_back(at_a * p.m * p.k);
    p.batches.b.push_back(at_b * p.k * p.n);
  }
  return p;
}

/// store(index, column, sum) for every element of a batched product, sums exact in Acc.
template <class Acc, class A, class B, class Store>
void multiply(const Product& p, const A* a, const B* b, Acc a_zero, const std::vector<Acc>& b_zero,
              const Store& store) {
  const auto batches = static_cast<std::int64_t>(p.batches.a.size());
  parallel_each(batches * p.m, p.k * p.n, [&](std::int64_t row) {
    const auto batch = static_cast<std::size_t>(row / p.m);
    const A* left = a + p.batches.a[batch] + row % p.m * p.k;
    const B* right = b + p.batches.b[batch];
    for (std::int64_t j = 0; j < p.n; ++j) {
      const Acc zero = b_zero.size() == 1 ? b_zero[0] : b_zero[static_cast<std::size_t>(j)];
      Acc sum{0};
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum += (static_cast<Acc>(left[k]) - a_zero) * (static_cast<Acc>(right[k * p.n + j]) - zero);
      }
      store(row * p.n + j, j, sum);
    }
  });
}

template <class A, class B, class Y>
void quantized_matmul(const Operands& o) {
  const float* b_scale = o.in[4].as<float>();
  const bool per_column = o.in[4].size() > 1;
  const double outer = static_cast<double>(*o.in[1].as<float>()) / *o.in[6].as<float>();
  const double y_zero = *o.in[7].as<Y>();
  std::vector<std::int64_t> b_zero;
  for (std::int64_t i = 0; i < o.in[5].size(); ++i) b_zero.push_back(o.in[5].as<B>()[i]);
  Y* y = o.out[0].as<Y>();
  const auto store = [&](std::int64_t at, std::int64_t column, std::int64_t sum) {
    const double factor = outer * static_cast<double>(b_scale[per_column ? column : 0]);
    const double level = std::nearbyint(static_cast<double>(sum) * factor) + y_zero;
    y[at] = static_cast<Y>(
        std::clamp<double>(level, std::numeric_limits<Y>::lowest(), std::numeric_limits<Y>::max()));
  };
  multiply<std::int64_t>(product_of(o.in[0].shape, o.in[3].shape), o.in[0].as<A>(), o.in[3].as<B>(),
                         *o.in[2].as<A>(), b_zero, store);
}

/// Calls body(first element, stride, extent) for every group that a softmax or mean runs over.
struct Lines {
  std::int64_t outer = 1, extent = 1, inner = 1;
};

Lines lines_of(const ir::Softmax& op, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::int64_t axis =
      op.flatten && op.axis == rank ? rank : ir::normalize_axis(op.axis, shape.size());
  Lines lines;
  for (std::int64_t d = 0; d < rank; ++d) {
    const std::int64_t extent = shape[static_cast<std::size_t>(d)];
    if (d < axis) {
      lines.outer *= extent;
    } else if (d == axis || op.flatten) {
      lines.extent *= extent;
    } else {
      lines.inner *= extent;
    }
  }
  return lines;
}

}  // namespace

void run(const ir::Gemm& op, const Operands& o) {
  const View &a = o.in[0], &b = o.in[1], &y = o.out[0];
  const std::int64_t m = y.shape[0], n = y.shape[1], k = a.shape[op.trans_a ? 0 : 1];
  const std::int64_t a_row = op.trans_a ? 1 : k, a_step = op.trans_a ? m : 1;
  const std::int64_t b_column = op.trans_b ? k : 1, b_step = op.trans_b ? 1 : n;
  const View c = o.input(2);
  const Shape c_strides = c ? broadcast_strides(c.shape, y.shape) : Shape{0, 0};
  const float *pa = a.as<float>(), *pb = b.as<float>(), *pc = c ? c.as<float>() : nullptr;
  float* py = y.as<float>();
  parallel_each(m * n, k, [&](std::int64_t i) {
    const std::int64_t row = i / n, column = i % n;
    double sum = 0;
    for (std::int64_t t = 0; t < k; ++t) {
      sum += static_cast<double>(pa[row * a_row + t * a_step]) *
             static_cast<double>(pb[column * b_column + t * b_step]);
    }
    sum *= static_cast<double>(op.alpha);
    if (pc) {
      sum += static_cast<double>(op.beta) *
             static_cast<double>(pc[row * c_strides[0] + column * c_strides[1]]);
    }
    py[i] = static_cast<float>(sum);
  });
}

void run(const ir::MatMul&, const Operands& o) {
  const Product p = product_of(o.in[0].shape, o.in[1].shape);
  visit_number(o.in[0].dtype, [&](auto sample) {
    using T = decltype(sample);
    T* y = o.out[0].as<T>();
    if constexpr (std::is_same_v<T, float>) {
      multiply<double>(
          p, o.in[0].as<T>(), o.in[1].as<T>(), 0.0, {0.0},
          [&](std::int64_t at, std::int64_t, double sum) { y[at] = static_cast<float>(sum); });
    } else {
      // Unsigned, because integers wrap around.
      multiply<std::uint64_t>(
          p, o.in[0].as<T>(), o.in[1].as<T>(), 0U, {0U},
          [&](std::int64_t at, std::int64_t, std::uint64_t sum) { y[at] = static_cast<T>(sum); });
    }
  });
}

void run(const ir::QLinearMatMul&, const Operands& o) {
  const auto pick_output = [&](auto a, auto b) {
    if (o.out[0].dtype == DType::u8) {
      quantized_matmul<decltype(a), decltype(b), std::uint8_t>(o);
    } else {
      quantized_matmul<decltype(a), decltype(b), std::int8_t>(o);
    }
  };
  const auto pick_right = [&](auto a) {
    if (o.in[3].dtype == DType::u8) {
      pick_output(a, std::uint8_t{});
    } else {
      pick_output(a, std::int8_t{});
    }
  };
  if (o.in[0].dtype == DType::u8) {
    pick_right(std::uint8_t{});
  } else {
    pick_right(std::int8_t{});
  }
}

void run(const ir::Softmax& op, const Operands& o) {
  const float* x = o.in[0].as<float>();
  float* y = o.out[0].as<float>();
  const Lines lines = lines_of(op, o.in[0].shape);
  parallel_each(lines.outer * lines.inner, lines.extent * 8, [&](std::int64_t line) {
    const std::int64_t start = line / lines.inner * lines.extent * lines.inner + line % lines.inner;
    float highest = -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < lines.extent; ++i) {
      const float value = x[start + i * lines.inner];
      if (value > highest || value != value) highest = value;
    }
    double sum = 0;
    for (std::int64_t i = 0; i < lines.extent; ++i) {
      const float value = std::exp(x[start + i * lines.inner] - highest);
      y[start + i * lines.inner] = value;
      sum += static_cast<double>(value);
    }
    for (std::int64_t i = 0; i < lines.extent; ++i) {
      float& value = y[start + i * lines.inner];
      value = static_cast<float>(static_cast<double>(value) / sum);
    }
  });
}

void run(const ir::ReduceMean& op, const Operands& o) {
  const Shape &in = o.in[0].shape, strides = row_major_strides(in);
  std::vector<bool> reduced(in.size(), false);
  for (std::int64_t axis : ir::normalize_axes(op.axes, in.size())) {
    reduced[static_cast<std::size_t>(axis)] = true;
  }
  std::vector<std::int64_t> kept{0}, summed{0};
  for (std::size_t d = 0; d < in.size(); ++d) {
    std::vector<std::int64_t>& offsets = reduced[d] ? summed : kept;
    std::vector<std::int64_t> longer;
    for (std::int64_t offset : offsets) {
      for (std::int64_t i = 0; i < in[d]; ++i) longer.push_back(offset + i * strides[d]);
    }
    offsets = std::move(longer);
  }
  const float* x = o.in[0].as<float>();
  float* y = o.out[0].as<float>();
  const auto count = static_cast<std::int64_t>(summed.size());
  parallel_each(static_cast<std::int64_t>(kept.size()), count, [&](std::int64_t i) {
    double sum = 0;
    for (std::int64_t offset : summed) {
      sum += static_cast<double>(x[kept[static_cast<std::size_t>(i)] + offset]);
    }
    y[i] = static_cast<float>(sum / static_cast<double>(count));
  });
}

}  // namespace plain
}  // namespace syncopate::ref
