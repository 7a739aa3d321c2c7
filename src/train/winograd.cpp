#include "train/winograd.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/simd.h"

namespace syncopate::train::winograd {
namespace {

template <std::size_t rows, std::size_t columns>
using Matrix = std::array<std::array<float, columns>, rows>;

template <std::size_t rows, std::size_t columns>
constexpr Matrix<columns, rows> transposed(const Matrix<rows, columns>& matrix) {
  Matrix<columns, rows> result{};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result[c][r] = matrix[r][c];
  }
  return result;
}

// F(2x2, 3x3) and F(4x4, 3x3) as in Lavin and Gray 2016, sections 4.1 and 4.3: with `input`,
// `filter` and `output` as B^T, G and A^T, outputs = A^T [(G g G^T) (B^T d B)] A, products in the
// bracket elementwise, and summed over input channels there.
constexpr Matrix<4, 4> kInput2{{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}}};
constexpr Matrix<4, 3> kFilter2{{{1, 0, 0}, {.5F, .5F, .5F}, {.5F, -.5F, .5F}, {0, 0, 1}}};
constexpr Matrix<2, 4> kOutput2{{{1, 1, 1, 0}, {0, 1, -1, -1}}};

constexpr Matrix<6, 6> kInput4{{{4, 0, -5, 0, 1, 0},
                                {0, -4, -4, 1, 1, 0},
                                {0, 4, -4, -1, 1, 0},
                                {0, -2, -1, 2, 1, 0},
                                {0, 2, -1, -2, 1, 0},
                                {0, 4, 0, -5, 0, 1}}};
constexpr float kSixth = 1.F / 6, kTwelfth = 1.F / 12, kTwentyFourth = 1.F / 24;
constexpr Matrix<6, 3> kFilter4{{{.25F, 0, 0},
                                 {-kSixth, -kSixth, -kSixth},
                                 {-kSixth, kSixth, -kSixth},
                                 {kTwentyFourth, kTwelfth, kSixth},
                                 {kTwentyFourth, -kTwelfth, kSixth},
                                 {0, 0, 1}}};
constexpr Matrix<4, 6> kOutput4{
    {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}};

constexpr Matrix<3, 4> kFilter2T = transposed(kFilter2);
constexpr Matrix<3, 6> kFilter4T = transposed(kFilter4);
constexpr Matrix<4, 2> kOutput2T = transposed(kOutput2);
constexpr Matrix<6, 4> kOutput4T = transposed(kOutput4);

constexpr std::int64_t kLanes = 8;
using Vector = float __attribute__((vector_size(kLanes * sizeof(float))));

// Everything up to transform() is inlined into the functions that are compiled for each
// instruction set.
#define SYNCOPATE_INLINE [[gnu::always_inline]] inline

/// Row `r` of P times the vector at x, whose elements are `step` apart.
template <const auto& P, std::size_t r, std::size_t step, class Value, std::size_t... c>
SYNCOPATE_INLINE void row(const Value* x, Value& sum, std::index_sequence<c...>) {
  sum = Value{};
  (
      [&]() __attribute__((always_inline)) {
        if constexpr (P[r][c] != 0) sum += P[r][c] * x[c * step];
      }(),
      ...);
}

template <const auto& P, std::size_t step_in, std::size_t step_out, class Value, std::size_t... r>
SYNCOPATE_INLINE void product(const Value* x, Value* y, std::index_sequence<r...>) {
  (row<P, r, step_in>(x, y[r * step_out], std::make_index_sequence<P[0].size()>()), ...);
}

/// P X P^T for the matrices X of the channels from `channel` on.
template <const auto& P, class Value>
SYNCOPATE_INLINE void step(const float* const* in, float* const* out, std::int64_t channel) {
  constexpr std::size_t rows = P.size(), columns = P[0].size();
  constexpr auto all_rows = std::make_index_sequence<rows>();
  Value x[columns], half[rows * columns], y[rows];
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t i = 0; i < columns; ++i) {
      std::memcpy(&x[i], in[i * columns + c] + channel, sizeof(Value));
    }
    product<P, 1, columns>(x, half + c, all_rows);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    product<P, 1, 1>(half + r * columns, y, all_rows);
    for (std::size_t i = 0; i < rows; ++i) {
      std::memcpy(out[r * rows + i] + channel, &y[i], sizeof(Value));
    }
  }
}

/// out = P in P^T in every channel; `in` and `out` point to the elements of the first.
template <const auto& P>
SYNCOPATE_INLINE void transform(const float* const* in, float* const* out, std::int64_t channels) {
  std::int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) step<P, Vector>(in, out, channel);
  for (; channel < channels; ++channel) step<P, float>(in, out, channel);
}

#undef SYNCOPATE_INLINE

using Transform = void(const float* const* in, float* const* out, std::int64_t channels);

#define SYNCOPATE_TRANSFORM(name, matrix)                                     \
  SYNCOPATE_MULTIVERSION void name(const float* const* in, float* const* out, \
                                   std::int64_t count) {                      \
    transform<matrix>(in, out, count);                                        \
  }
SYNCOPATE_TRANSFORM(input2, kInput2)
SYNCOPATE_TRANSFORM(input4, kInput4)
SYNCOPATE_TRANSFORM(filter2, kFilter2)
SYNCOPATE_TRANSFORM(filter4, kFilter4)
SYNCOPATE_TRANSFORM(output2, kOutput2)
SYNCOPATE_TRANSFORM(output4, kOutput4)
SYNCOPATE_TRANSFORM(filter_back2, kFilter2T)
SYNCOPATE_TRANSFORM(filter_back4, kFilter4T)
SYNCOPATE_TRANSFORM(output_back2, kOutput2T)
SYNCOPATE_TRANSFORM(output_back4, kOutput4T)
#undef SYNCOPATE_TRANSFORM

/// A tile size with its transforms.
struct Scheme {
  std::int64_t tile;  ///< Side of the outputs.
  Transform *input, *filter, *output, *filter_back, *output_back;
  std::int64_t window() const { return tile + 2; }
  std::int64_t points() const { return window() * window(); }
};
constexpr Scheme kScheme2{2, input2, filter2, output2, filter_back2, output_back2};
constexpr Scheme kScheme4{4, input4, filter4, output4, filter_back4, output_back4};

std::int64_t tiles_along(std::int64_t extent, std::int64_t tile) {
  return (extent + tile - 1) / tile;
}

const Scheme& scheme_for(const Extents& e) {
  const auto products = [&](const Scheme& scheme) {
    return tiles_along(e.height, scheme.tile) * tiles_along(e.width, scheme.tile) * scheme.points();
  };
  return products(kScheme2) <= products(kScheme4) ? kScheme2 : kScheme4;
}

/// Memory that is kept between calls, since fresh pages cost as much as the transforms.
class Scratch {
 public:
  float* take(std::int64_t floats) {
    if (floats > size_) {
      memory_ = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(floats));
      size_ = floats;
    }
    return memory_.get();
  }

 private:
  std::unique_ptr<float[]> memory_;
  std::int64_t size_ = 0;
};

/// One matrix per point of the transformed tiles. They lie an odd number of cache lines apart: a
/// power of two would put one element of each into the same set.
struct Planes {
  float* data;
  std::int64_t stride;
  float* operator[](std::int64_t point) const { return data + point * stride; }
};

Planes planes(Scratch& scratch, const Scheme& scheme, std::int64_t floats) {
  constexpr std::int64_t line = 16;
  const std::int64_t stride = ((floats + line - 1) / line | 1) * line;
  return {scratch.take(scheme.points() * stride), stride};
}

/// Tiles that are transformed and multiplied together.
class Tiling {
 public:
  Tiling(const Extents& extents, const Scheme& scheme)
      : e_(extents),
        scheme_(scheme),
        down_(tiles_along(extents.height, scheme.tile)),
        across_(tiles_along(extents.width, scheme.tile)) {}

  std::int64_t tiles() const { return e_.pictures * down_ * across_; }

  /// Tiles whose transformed channels fill a good part of the cache, but not so few that the
  /// filters are read more often than they are used.
  std::int64_t block() const {
    constexpr std::int64_t cache = 2 << 20, fewest = 128;
    const std::int64_t bytes =
        scheme_.points() * (e_.in + e_.out) * static_cast<std::int64_t>(sizeof(float));
    return std::min(tiles(), std::max(cache / bytes, fewest));
  }

  /// Pointers to a window of `side` pixels whose corner is `margin` pixels above and left of the
  /// tile; to `outside` where that is not in the picture.
  template <class Float>
  void window(std::int64_t tile, std::int64_t side, std::int64_t margin, std::int64_t channels,
              Float* pictures, Float* outside, Float** pixels) const {
    const std::int64_t x0 = tile % across_ * scheme_.tile - margin;
    const std::int64_t y0 = tile / across_ % down_ * scheme_.tile - margin;
    Float* picture = pictures + tile / (across_ * down_) * e_.height * e_.width * channels;
    for (std::int64_t y = y0; y < y0 + side; ++y) {
      for (std::int64_t x = x0; x < x0 + side; ++x) {
        const bool inside = y >= 0 && y < e_.height && x >= 0 && x < e_.width;
        *pixels++ = inside ? picture + (y * e_.width + x) * channels : outside;
      }
    }
  }

 private:
  const Extents& e_;
  const Scheme& scheme_;
  std::int64_t down_, across_;
};

constexpr std::size_t kMostPoints = 36;

/// Fills rows of the planes, one per tile, with transformed windows of pictures.
void gather(const Tiling& tiling, const Scheme& scheme, Transform* transform, std::int64_t side,
            std::int64_t margin, std::int64_t channels, std::int64_t first, std::int64_t count,
            const float* pictures, const Planes& rows) {
  const std::vector<float> zeros(static_cast<std::size_t>(channels), 0.F);
#pragma omp parallel for schedule(static)
  for (std::int64_t tile = 0; tile < count; ++tile) {
    std::array<const float*, kMostPoints> in;
    std::array<float*, kMostPoints> out;
    tiling.window(first + tile, side, margin, channels, pictures, zeros.data(), in.data());
    for (std::int64_t p = 0; p < scheme.points(); ++p) {
      out[static_cast<std::size_t>(p)] = rows[p] + tile * channels;
    }
    transform(in.data(), out.data(), channels);
  }
}

/// Writes the pixels of the tiles from their rows of the planes.
void scatter(const Tiling& tiling, const Scheme& scheme, std::int64_t channels, std::int64_t first,
             std::int64_t count, const Planes& rows, float* pictures) {
#pragma omp parallel
  {
    std::vector<float> dropped(static_cast<std::size_t>(channels));
    std::array<const float*, kMostPoints> in;
    std::array<float*, kMostPoints> out;
#pragma omp for schedule(static)
    for (std::int64_t tile = 0; tile < count; ++tile) {
      tiling.window(first + tile, scheme.tile, 0, channels, pictures, dropped.data(), out.data());
      for (std::int64_t p = 0; p < scheme.points(); ++p) {
        in[static_cast<std::size_t>(p)] = rows[p] + tile * channels;
      }
      scheme.output(in.data(), out.data(), channels);
    }
  }
}

constexpr std::int64_t kFilterPoints = 9;

/// Transformed filters as matrices [out][in], one per point; turned by half a turn if `turned`.
void transform_filters(const Extents& e, const Scheme& scheme, const float* filter, bool turned,
                       const Planes& rows) {
#pragma omp parallel
  {
    std::vector<float> by_place(static_cast<std::size_t>(kFilterPoints * e.in));
    std::array<const float*, kFilterPoints> in;
    std::array<float*, kMostPoints> out;
    for (std::int64_t p = 0; p < kFilterPoints; ++p) {
      in[static_cast<std::size_t>(p)] =
          by_place.data() + (turned ? kFilterPoints - 1 - p : p) * e.in;
    }
#pragma omp for schedule(static)
    for (std::int64_t k = 0; k < e.out; ++k) {
      const float* from = filter + k * e.in * kFilterPoints;
      for (std::int64_t c = 0; c < e.in; ++c) {
        for (std::int64_t p = 0; p < kFilterPoints; ++p) {
          by_place[static_cast<std::size_t>(p * e.in + c)] = *from++;
        }
      }
      for (std::int64_t p = 0; p < scheme.points(); ++p) {
        out[static_cast<std::size_t>(p)] = rows[p] + k * e.in;
      }
      scheme.filter(in.data(), out.data(), e.in);
    }
  }
}

/// The gradient of filters from that of transformed ones.
void transform_back(const Extents& e, const Scheme& scheme, const Planes& rows, float* gradient) {
#pragma omp parallel
  {
    std::vector<float> by_place(static_cast<std::size_t>(kFilterPoints * e.in));
    std::array<const float*, kMostPoints> in;
    std::array<float*, kFilterPoints> out;
    for (std::int64_t p = 0; p < kFilterPoints; ++p) {
      out[static_cast<std::size_t>(p)] = by_place.data() + p * e.in;
    }
#pragma omp for schedule(static)
    for (std::int64_t k = 0; k < e.out; ++k) {
      for (std::int64_t p = 0; p < scheme.points(); ++p) {
        in[static_cast<std::size_t>(p)] = rows[p] + k * e.in;
      }
      scheme.filter_back(in.data(), out.data(), e.in);
      float* to = gradient + k * e.in * kFilterPoints;
      for (std::int64_t c = 0; c < e.in; ++c) {
        for (std::int64_t p = 0; p < kFilterPoints; ++p) {
          *to++ = by_place[static_cast<std::size_t>(p * e.in + c)];
        }
      }
    }
  }
}

/// Kept apart by use, so that each grows to its largest layer and stays.
thread_local Scratch in_scratch, out_scratch, filter_scratch;

/// Row-major [rows][columns] = a b + beta [rows][columns] on the calling thread; a and b may be
/// given transposed.
void multiply(char a_order, char b_order, std::int64_t rows, std::int64_t columns,
              std::int64_t inner, const float* a, const float* b, float beta, float* c) {
  dnnl_sgemm(a_order, b_order, rows, columns, inner, 1, a, a_order == 'T' ? rows : inner, b,
             b_order == 'T' ? inner : columns, beta, c, columns);
}

/// From `from` channels to `to`: forwards, or back where filters are turned.
void filter_pictures(const Extents& e, std::int64_t from, std::int64_t to, bool back,
                     const float* x, const float* filter, float* y) {
  const Scheme& scheme = scheme_for(e);
  const Tiling tiling(e, scheme);
  const std::int64_t block = tiling.block();
  const Planes filters = planes(filter_scratch, scheme, e.in * e.out);
  transform_filters(e, scheme, filter, back, filters);
  const auto one_block = [&](std::int64_t first) {
    const std::int64_t count = std::min(block, tiling.tiles() - first);
    const Planes in = planes(in_scratch, scheme, block * from);
    const Planes out = planes(out_scratch, scheme, block * to);
    gather(tiling, scheme, scheme.input, scheme.window(), 1, from, first, count, x, in);
#pragma omp parallel for schedule(static)
    for (std::int64_t p = 0; p < scheme.points(); ++p) {
      multiply('N', back ? 'N' : 'T', count, to, from, in[p], filters[p], 0, out[p]);
    }
    scatter(tiling, scheme, to, first, count, out, y);
  };
  // Threads share out the blocks or, where these are few, the work in each.
  const std::int64_t blocks = (tiling.tiles() + block - 1) / block;
  if (blocks >= 4 * omp_get_max_threads()) {
#pragma omp parallel for schedule(static)
    for (std::int64_t b = 0; b < blocks; ++b) one_block(b * block);
  } else {
    for (std::int64_t b = 0; b < blocks; ++b) one_block(b * block);
  }
}

}  // namespace

void convolve(const Extents& e, const float* x, const float* filter, float* y) {
  filter_pictures(e, e.in, e.out, false, x, filter, y);
}

void input_gradient(const Extents& e, const float* y_gradient, const float* filter,
                    float* gradient) {
  filter_pictures(e, e.out, e.in, true, y_gradient, filter, gradient);
}

void filter_gradient(const Extents& e, const float* x, const float* y_gradient, float* gradient) {
  const Scheme& scheme = scheme_for(e);
  const Tiling tiling(e, scheme);
  const std::int64_t block = tiling.block();
  const Planes filters = planes(filter_scratch, scheme, e.in * e.out);
  const Planes in = planes(in_scratch, scheme, block * e.in);
  const Planes out = planes(out_scratch, scheme, block * e.out);
  for (std::int64_t first = 0; first < tiling.tiles(); first += block) {
    const std::int64_t count = std::min(block, tiling.tiles() - first);
    gather(tiling, scheme, scheme.input, scheme.window(), 1, e.in, first, count, x, in);
    gather(tiling, scheme, scheme.output_back, scheme.tile, 0, e.out, first, count, y_gradient,
           out);
#pragma omp parallel for schedule(static)
    for (std::int64_t p = 0; p < scheme.points(); ++p) {
      multiply('T', 'N', e.out, e.in, count, out[p], in[p], first == 0 ? 0.F : 1.F, filters[p]);
    }
  }
  transform_back(e, scheme, filters, gradient);
}

}  // namespace syncopate::train::winograd
