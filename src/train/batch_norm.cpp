#include "train/batch_norm.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "base/simd.h"

namespace syncopate::train::batch_norm {
namespace {

[[gnu::always_inline]] inline float load(bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// To the nearest, ties to even.
[[gnu::always_inline]] inline bf16 store(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return {static_cast<std::uint16_t>(x == x ? rounded : 0x7fc0)};
}

/// Rows are taken several at a time, as one long row, as channels may be too few to fill vectors.
constexpr std::int64_t kLongRow = 256;
/// Elements of a block: they stay in a core's cache from one pass to the next. What is summed are
/// blocks, so that threads change no sum.
constexpr std::int64_t kBlock = 32768;

// Passes over `rows` rows of `width` elements; the other arrays are one row long.

SYNCOPATE_MULTIVERSION
void sum_rows(std::int64_t rows, std::int64_t width, const bf16* __restrict x,
              float* __restrict sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) sums[c] += load(x[r * width + c]);
  }
}

SYNCOPATE_MULTIVERSION
void sum_squares(std::int64_t rows, std::int64_t width, const bf16* __restrict x,
                 const float* __restrict mean, float* __restrict sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float distance = load(x[r * width + c]) - mean[c];
      sums[c] += distance * distance;
    }
  }
}

SYNCOPATE_MULTIVERSION
void scale_rows(std::int64_t rows, std::int64_t width, const bf16* __restrict x,
                const float* __restrict factor, const float* __restrict term, float least,
                bf16* __restrict y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = load(x[r * width + c]) * factor[c] + term[c];
      y[r * width + c] = store(value < least ? least : value);  // lets NaN through
    }
  }
}

/// Of the gradient behind the rectifier, what reaches the normalization.
[[gnu::always_inline]] inline float passed(float x, bf16 gradient, float factor, float term,
                                           float least) {
  return x * factor + term <= least ? 0 : load(gradient);
}

SYNCOPATE_MULTIVERSION
void sum_gradients(std::int64_t rows, std::int64_t width, const bf16* __restrict x,
                   const bf16* __restrict gradient, const float* __restrict factor,
                   const float* __restrict term, const float* __restrict mean, float least,
                   float* __restrict sums, float* __restrict products) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = load(x[r * width + c]);
      const float g = passed(value, gradient[r * width + c], factor[c], term[c], least);
      sums[c] += g;
      products[c] += g * (value - mean[c]);
    }
  }
}

/// g * factor + x * slope + offset.
SYNCOPATE_MULTIVERSION
void combine_rows(std::int64_t rows, std::int64_t width, const bf16* __restrict x,
                  const bf16* __restrict gradient, const float* __restrict factor,
                  const float* __restrict term, const float* __restrict slope,
                  const float* __restrict offset, float least, bf16* __restrict result) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = load(x[r * width + c]);
      const float g = passed(value, gradient[r * width + c], factor[c], term[c], least);
      result[r * width + c] = store(g * factor[c] + value * slope[c] + offset[c]);
    }
  }
}

using Row = std::vector<float>;

/// How rows are grouped into long rows, and these into blocks.
class Blocks {
 public:
  explicit Blocks(const Extents& extents)
      : extents_(extents),
        group_(std::clamp<std::int64_t>(kLongRow / extents.channels, 1, extents.rows)),
        rows_(std::max<std::int64_t>(1, kBlock / (group_ * extents.channels)) * group_) {}

  std::int64_t count() const { return (extents_.rows + rows_ - 1) / rows_; }
  std::int64_t rows(std::int64_t block) const {
    return std::min(rows_, extents_.rows - block * rows_);
  }

  /// Calls pass(first element, rows, width): long rows first, then what is left of single ones.
  template <class Pass>
  void run(std::int64_t block, const Pass& pass) const {
    const std::int64_t first = block * rows_ * extents_.channels, all = rows(block);
    const std::int64_t grouped = all / group_ * group_;
    if (grouped > 0) pass(first, all / group_, group_ * extents_.channels);
    if (grouped < all) pass(first + grouped * extents_.channels, all - grouped, extents_.channels);
  }

  /// One value a channel, for every element of a long row.
  template <class Value>
  Row spread(const Value& value) const {
    Row row(static_cast<std::size_t>(group_ * extents_.channels));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = static_cast<float>(value(i % static_cast<std::size_t>(extents_.channels)));
    }
    return row;
  }

  /// The sum over a long row by channel.
  std::vector<double> gathered(const Row& row) const {
    std::vector<double> sums(static_cast<std::size_t>(extents_.channels), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      sums[i % sums.size()] += static_cast<double>(row[i]);
    }
    return sums;
  }

  Row zeros() const { return Row(static_cast<std::size_t>(group_ * extents_.channels), 0.F); }

 private:
  Extents extents_;
  std::int64_t group_;  ///< Rows in a long row.
  std::int64_t rows_;   ///< Rows in a block.
};

/// The normalization as x * factor + term.
struct Line {
  Line(const Blocks& blocks, const Channels& of)
      : factor(blocks.spread([&](std::size_t c) { return of.scale[c] * of.inverse_deviation[c]; })),
        term(blocks.spread([&](std::size_t c) {
          return of.shift[c] - of.mean[c] * of.scale[c] * of.inverse_deviation[c];
        })) {}
  Row factor, term;
};

float least_of(bool rectify) { return rectify ? 0.F : -std::numeric_limits<float>::infinity(); }

}  // namespace

void moments(const Extents& extents, const bf16* x, float* mean, float* variance) {
  const Blocks blocks(extents);
  const std::int64_t count = blocks.count();
  std::vector<std::vector<double>> means(static_cast<std::size_t>(count)), squares(means);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    Row sums = blocks.zeros();
    blocks.run(b, [&](std::int64_t first, std::int64_t rows, std::int64_t width) {
      sum_rows(rows, width, x + first, sums.data());
    });
    std::vector<double>& own = means[static_cast<std::size_t>(b)];
    own = blocks.gathered(sums);
    for (double& value : own) value /= static_cast<double>(blocks.rows(b));
    const Row middle = blocks.spread([&](std::size_t c) { return own[c]; });
    sums = blocks.zeros();
    blocks.run(b, [&](std::int64_t first, std::int64_t rows, std::int64_t width) {
      sum_squares(rows, width, x + first, middle.data(), sums.data());
    });
    squares[static_cast<std::size_t>(b)] = blocks.gathered(sums);
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(extents.channels); ++c) {
    // Chan, Golub and LeVeque 1979: moments of a union.
    double rows = 0, middle = 0, sum = 0;
    for (std::int64_t b = 0; b < count; ++b) {
      const auto more = static_cast<double>(blocks.rows(b));
      const double distance = means[static_cast<std::size_t>(b)][c] - middle;
      sum += squares[static_cast<std::size_t>(b)][c] +
             distance * distance * rows * more / (rows + more);
      middle += distance * more / (rows + more);
      rows += more;
    }
    mean[c] = static_cast<float>(middle);
    variance[c] = static_cast<float>(sum / rows);
  }
}

void normalize(const Extents& extents, const Channels& channels, bool rectify, const bf16* x,
               bf16* y) {
  const Blocks blocks(extents);
  const Line line(blocks, channels);
  const float least = least_of(rectify);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < blocks.count(); ++b) {
    blocks.run(b, [&](std::int64_t first, std::int64_t rows, std::int64_t width) {
      scale_rows(rows, width, x + first, line.factor.data(), line.term.data(), least, y + first);
    });
  }
}

void gradients(const Extents& extents, const Channels& channels, bool rectify, const bf16* x,
               const bf16* y_gradient, bf16* x_gradient, float* scale_gradient,
               float* shift_gradient) {
  const Blocks blocks(extents);
  const Line line(blocks, channels);
  const Row mean = blocks.spread([&](std::size_t c) { return channels.mean[c]; });
  const float least = least_of(rectify);
  const std::int64_t count = blocks.count();
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(count)), products(sums);
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    Row sum = blocks.zeros(), product = blocks.zeros();
    blocks.run(b, [&](std::int64_t first, std::int64_t rows, std::int64_t width) {
      sum_gradients(rows, width, x + first, y_gradient + first, line.factor.data(),
                    line.term.data(), mean.data(), least, sum.data(), product.data());
    });
    sums[static_cast<std::size_t>(b)] = blocks.gathered(sum);
    products[static_cast<std::size_t>(b)] = blocks.gathered(product);
  }
  // dx = factor (g - mean(g) - distance / variance * mean(g * distance)), a sum of three terms.
  std::vector<double> slopes(static_cast<std::size_t>(extents.channels)), offsets(slopes);
  for (std::size_t c = 0; c < slopes.size(); ++c) {
    double sum = 0, product = 0;
    for (std::int64_t b = 0; b < count; ++b) {
      sum += sums[static_cast<std::size_t>(b)][c];
      product += products[static_cast<std::size_t>(b)][c];
    }
    const auto inverse = static_cast<double>(channels.inverse_deviation[c]);
    const auto rows = static_cast<double>(extents.rows);
    scale_gradient[c] = static_cast<float>(product * inverse);
    shift_gradient[c] = static_cast<float>(sum);
    const double factor = static_cast<double>(channels.scale[c]) * inverse;
    slopes[c] = -factor * inverse * inverse * product / rows;
    offsets[c] = -factor * sum / rows - slopes[c] * static_cast<double>(channels.mean[c]);
  }
  const Row slope = blocks.spread([&](std::size_t c) { return slopes[c]; });
  const Row offset = blocks.spread([&](std::size_t c) { return offsets[c]; });
#pragma omp parallel for schedule(static)
  for (std::int64_t b = 0; b < count; ++b) {
    blocks.run(b, [&](std::int64_t first, std::int64_t rows, std::int64_t width) {
      combine_rows(rows, width, x + first, y_gradient + first, line.factor.data(), line.term.data(),
                   slope.data(), offset.data(), least, x_gradient + first);
    });
  }
}

}  // namespace syncopate::train::batch_norm
