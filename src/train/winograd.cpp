#include "train/winograd.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

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

/// One matrix per point of the transformed tiles. They lie an odd number of cache lines apart: a
/// power of two would put one element of each into the same set.
struct Planes {
  float* data;
  std::int64_t stride;
  float* operator[](std::int64_t point) const { return data + point * stride; }
};

std::int64_t plane_stride(std::int64_t floats) {
  constexpr std::int64_t line = 16;
  return ((floats + line - 1) / line | 1) * line;
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
constexpr std::int64_t kFilterPoints = 9;

/// Row-major [rows][columns] = a b + beta [rows][columns] on the calling thread; a and b may be
/// given transposed. False when there was no memory for it.
bool multiply(char a_order, char b_order, std::int64_t rows, std::int64_t columns,
              std::int64_t inner, const float* a, const float* b, float beta, float* c) {
  return dnnl_sgemm(a_order, b_order, rows, columns, inner, 1, a, a_order == 'T' ? rows : inner, b,
                    b_order == 'T' ? inner : columns, beta, c, columns) == dnnl_success;
}

/// The steps of one call and the memory they work in, which is taken before any threads start:
/// nothing can be thrown out of a parallel region. Blocks of tiles are either shared out among
/// threads, each block worked on by one, or come one after another, each shared by all threads.
class Steps {
 public:
  Steps(const Extents& extents, bool share_out_blocks)
      : e_(extents), scheme_(scheme_for(extents)), tiling_(extents, scheme_) {
    const int threads = omp_get_max_threads();
    apart_ = share_out_blocks && blocks() >= 4 * threads;
    const int workers = apart_ ? threads : 1;
    const std::int64_t widest = std::max(e_.in, e_.out), rows = tiling_.block();
    filters_.stride = plane_stride(e_.in * e_.out);
    in_.stride = plane_stride(rows * e_.in);
    out_.stride = plane_stride(rows * e_.out);
    spare_stride_ = plane_stride(std::max(widest, kFilterPoints * e_.in));
    const std::int64_t points = scheme_.points();
    block_stride_ = points * (in_.stride + out_.stride);
    const std::int64_t needed =
        points * filters_.stride + workers * block_stride_ + threads * spare_stride_ + widest;
    // Kept by the calling thread, as large as its largest call needed: fresh pages cost as much as
    // the transforms.
    thread_local std::unique_ptr<float[]> memory;
    thread_local std::int64_t size = 0;
    if (needed > size) {
      memory.reset();
      size = 0;
      memory = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(needed));
      size = needed;
    }
    filters_.data = memory.get();
    in_.data = filters_.data + points * filters_.stride;
    out_.data = in_.data + points * in_.stride;
    spare_ = in_.data + workers * block_stride_;
    zeros_ = spare_ + threads * spare_stride_;
    std::fill_n(zeros_, widest, 0.F);
  }

  std::int64_t blocks() const { return (tiling_.tiles() + tiling_.block() - 1) / tiling_.block(); }

  /// Transformed filters as matrices [out][in]; turned by half a turn if `turned`.
  void transform_filters(const float* filter, bool turned) {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < e_.out; ++k) {
      float* by_place = spare(0);
      const float* from = filter + k * e_.in * kFilterPoints;
      for (std::int64_t c = 0; c < e_.in; ++c) {
        for (std::int64_t p = 0; p < kFilterPoints; ++p) by_place[p * e_.in + c] = *from++;
      }
      const auto in = pointers<const float>(kFilterPoints, [&](std::int64_t p) {
        return by_place + (turned ? kFilterPoints - 1 - p : p) * e_.in;
      });
      const auto out = rows(filters_, k * e_.in);
      scheme_.filter(in.data(), out.data(), e_.in);
    }
  }

  /// The gradient of filters from that of transformed ones.
  void transform_back(float* gradient) {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < e_.out; ++k) {
      float* by_place = spare(0);
      const auto in = rows<const float>(filters_, k * e_.in);
      const auto out =
          pointers<float>(kFilterPoints, [&](std::int64_t p) { return by_place + p * e_.in; });
      scheme_.filter_back(in.data(), out.data(), e_.in);
      float* to = gradient + k * e_.in * kFilterPoints;
      for (std::int64_t c = 0; c < e_.in; ++c) {
        for (std::int64_t p = 0; p < kFilterPoints; ++p) *to++ = by_place[p * e_.in + c];
      }
    }
  }

  /// From the pictures `x` to `y` with the transformed filters: forwards, or `back` from outputs to
  /// inputs, where these are turned.
  void filter(bool back, const float* x, float* y) {
    const std::int64_t from = back ? e_.out : e_.in, to = back ? e_.in : e_.out;
    const auto one = [&](std::int64_t b, int worker) {
      const Block block = this->block(b, worker, back);
      gather(block, scheme_.input, scheme_.window(), 1, from, x, block.in);
      multiply_all('N', back ? 'N' : 'T', block.count, to, from, block.in, filters_, 0, block.out);
      scatter(block, to, block.out, y);
    };
    if (apart_) {
#pragma omp parallel for schedule(static)
      for (std::int64_t b = 0; b < blocks(); ++b) one(b, omp_get_thread_num());
    } else {
      for (std::int64_t b = 0; b < blocks(); ++b) one(b, 0);
    }
    check();
  }

  /// The gradient of the transformed filters. Blocks are summed in order.
  void correlate(const float* x, const float* y_gradient) {
    for (std::int64_t b = 0; b < blocks(); ++b) {
      const Block block = this->block(b, 0, false);
      gather(block, scheme_.input, scheme_.window(), 1, e_.in, x, block.in);
      gather(block, scheme_.output_back, scheme_.tile, 0, e_.out, y_gradient, block.out);
      multiply_all('T', 'N', e_.out, e_.in, block.count, block.out, block.in, b == 0 ? 0.F : 1.F,
                   filters_);
    }
    check();
  }

 private:
  /// Tiles `first` to `first + count`, and where a worker has them: what it reads, what it writes.
  struct Block {
    std::int64_t first, count;
    int worker;
    Planes in, out;
  };

  Block block(std::int64_t number, int worker, bool back) const {
    const std::int64_t first = number * tiling_.block();
    const std::int64_t count = std::min(tiling_.block(), tiling_.tiles() - first);
    Planes in = back ? out_ : in_, out = back ? in_ : out_;
    in.data += worker * block_stride_;
    out.data += worker * block_stride_;
    return {first, count, worker, in, out};
  }

  template <class Float, class At>
  static std::array<Float*, kMostPoints> pointers(std::int64_t count, const At& at) {
    std::array<Float*, kMostPoints> result;
    for (std::int64_t p = 0; p < count; ++p) result[static_cast<std::size_t>(p)] = at(p);
    return result;
  }

  /// One element of every plane.
  template <class Float = float>
  std::array<Float*, kMostPoints> rows(const Planes& planes, std::int64_t offset) const {
    return pointers<Float>(scheme_.points(), [&](std::int64_t p) { return planes[p] + offset; });
  }

  /// Memory of the calling thread in the innermost region that has several.
  float* spare(int worker) const {
    return spare_ + (worker + omp_get_thread_num()) * spare_stride_;
  }

  /// Fills rows of the planes, one per tile, with transformed windows of pictures.
  void gather(const Block& block, Transform* transform, std::int64_t side, std::int64_t margin,
              std::int64_t channels, const float* pictures, const Planes& planes) const {
#pragma omp parallel for schedule(static) if (!apart_)
    for (std::int64_t tile = 0; tile < block.count; ++tile) {
      std::array<const float*, kMostPoints> in;
      tiling_.window<const float>(block.first + tile, side, margin, channels, pictures, zeros_,
                                  in.data());
      transform(in.data(), rows(planes, tile * channels).data(), channels);
    }
  }

  /// Writes the pixels of the tiles from their rows of the planes.
  void scatter(const Block& block, std::int64_t channels, const Planes& planes,
               float* pictures) const {
#pragma omp parallel for schedule(static) if (!apart_)
    for (std::int64_t tile = 0; tile < block.count; ++tile) {
      std::array<float*, kMostPoints> out;
      tiling_.window(block.first + tile, scheme_.tile, 0, channels, pictures, spare(block.worker),
                     out.data());
      scheme_.output(rows<const float>(planes, tile * channels).data(), out.data(), channels);
    }
  }

  /// multiply() for every point.
  void multiply_all(char a_order, char b_order, std::int64_t rows, std::int64_t columns,
                    std::int64_t inner, const Planes& a, const Planes& b, float beta,
                    const Planes& c) {
#pragma omp parallel for schedule(static) if (!apart_)
    for (std::int64_t p = 0; p < scheme_.points(); ++p) {
      if (!multiply(a_order, b_order, rows, columns, inner, a[p], b[p], beta, c[p])) {
        failed_ = true;
      }
    }
  }

  void check() const {
    if (failed_) throw std::bad_alloc();
  }

  const Extents& e_;
  const Scheme& scheme_;
  Tiling tiling_;
  bool apart_ = false;  ///< Blocks are shared out.
  Planes filters_{}, in_{}, out_{};
  std::int64_t block_stride_ = 0, spare_stride_ = 0;
  float* spare_ = nullptr;  ///< Per thread, for a filter, or pixels beyond the picture.
  float* zeros_ = nullptr;  ///< A pixel beyond the picture.
  std::atomic<bool> failed_ = false;
};

bool empty(const Extents& e) { return e.pictures == 0 || e.height == 0 || e.width == 0; }

}  // namespace

void convolve(const Extents& e, const float* x, const float* filter, float* y) {
  if (empty(e)) return;
  Steps steps(e, true);
  steps.transform_filters(filter, false);
  steps.filter(false, x, y);
}

void input_gradient(const Extents& e, const float* y_gradient, const float* filter,
                    float* gradient) {
  if (empty(e)) return;
  Steps steps(e, true);
  steps.transform_filters(filter, true);
  steps.filter(true, y_gradient, gradient);
}

void filter_gradient(const Extents& e, const float* x, const float* y_gradient, float* gradient) {
  if (empty(e)) {
    std::fill_n(gradient, e.in * e.out * kFilterPoints, 0.F);
    return;
  }
  Steps steps(e, false);
  steps.correlate(x, y_gradient);
  steps.transform_back(gradient);
}

}  // namespace syncopate::train::winograd
