#include "data/shapes.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/random.h"

// Built without fused multiply-adds (src/CMakeLists.txt); of <cmath> only functions whose results
// IEEE 754 fixes: square root, absolute value, rounding.

namespace syncopate::data {
namespace {

constexpr std::int64_t kPlane = kShapeSide * kShapeSide;
constexpr std::int64_t kTrain = 20'000, kTest = 2'000;
constexpr std::uint64_t kTestSeed = 10'000'000;

enum Figure : std::uint8_t {
  kDisc,
  kRing,
  kSquare,
  kFrame,
  kTriangle,
  kCross,
  kStripes,
  kCheckers,
  kDots,
  kStar
};

bool is_texture(Figure figure) { return figure >= kStripes && figure <= kDots; }

double between(Random& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

struct Turn {
  double cosine = 1, sine = 0;
};

/// Taylor series, exact to the last bits for angles up to a quarter turn.
Turn turn(double angle) {
  Turn result{0, 0};
  double term = 1;
  for (int n = 0; n < 22; ++n) {
    double& sum = n % 2 == 0 ? result.cosine : result.sine;
    sum += n % 4 < 2 ? term : -term;
    term *= angle / (n + 1);
  }
  return result;
}

double length(double x, double y) { return std::sqrt(x * x + y * y); }

/// 1 well inside (negative distance), 0 well outside, a soft edge between.
double soft(double distance) { return std::clamp(0.5 - distance / 0.12, 0.0, 1.0); }

double fraction(double x) { return x - std::floor(x); }

/// The radius of five points over the cosine of the angle: cos 5a is Chebyshev's T5.
double star_radius(double c) {
  const double squared = c * c;
  return 0.62 + 0.33 * c * ((16 * squared - 20) * squared + 5);
}

/// How much of the point (u, v) the figure covers, 0 to 1; coordinates turn with the figure around
/// its center, in units of its radius. `period` is a texture's.
double coverage(Figure figure, double u, double v, double period) {
  const double square = std::max(std::abs(u), std::abs(v));
  switch (figure) {
    case kDisc:
      return soft(length(u, v) - 0.9);
    case kRing:
      return soft(std::abs(length(u, v) - 0.75) - 0.2);
    case kSquare:
      return soft(square - 0.75);
    case kFrame:
      return soft(std::abs(square - 0.68) - 0.17);
    case kTriangle:
      return soft(std::max(v - 0.5, std::abs(u) * 0.87 - (v + 0.9) * 0.5));
    case kCross:
      return soft(std::min(std::max(std::abs(u) - 0.25, std::abs(v) - 0.9),
                           std::max(std::abs(v) - 0.25, std::abs(u) - 0.9)));
    case kStripes:
      return soft(std::abs(fraction(u / period) - 0.5) * period - period / 4);
    case kCheckers:
      return 2 * fraction((std::floor(u / period) + std::floor(v / period)) / 2);
    case kDots: {
      const double distance = length(fraction(u / period) - 0.5, fraction(v / period) - 0.5);
      return soft((distance - 0.28) * period);
    }
    case kStar: {
      const double radius = length(u, v);
      return soft(radius - star_radius(radius > 0 ? u / radius : 1));
    }
  }
  return 0;
}

using Color = std::array<double, 3>;

Color random_color(Random& random) {
  Color color{};
  for (double& value : color) value = random.uniform();
  return color;
}

double difference(const Color& a, const Color& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += std::abs(a[c] - b[c]);
  return sum;
}

/// Coverage of every pixel.
std::array<double, kPlane> random_figure(Random& random, Figure figure) {
  const double most = is_texture(figure) ? 1.57 : 0.5;
  const Turn t = turn(between(random, -most, most));
  const double scale = between(random, 6.5, 11.5);
  const double center_x = kShapeSide / 2 + between(random, -5, 5);
  const double center_y = kShapeSide / 2 + between(random, -5, 5);
  const double period = between(random, 0.55, 0.9);
  std::array<double, kPlane> result{};
  for (std::int64_t i = 0; i < kPlane; ++i) {
    const double dx = (static_cast<double>(i % kShapeSide) + 0.5 - center_x) / scale;
    const double dy = (static_cast<double>(i / kShapeSide) + 0.5 - center_y) / scale;
    result[static_cast<std::size_t>(i)] =
        coverage(figure, dx * t.cosine + dy * t.sine, dy * t.cosine - dx * t.sine, period);
  }
  return result;
}

/// Close to a standard normal: the sum of four 16-bit uniforms. Bounded by 3.5 deviations.
double near_normal(std::uint64_t bits) {
  const std::uint64_t sum =
      (bits & 65535) + (bits >> 16 & 65535) + (bits >> 32 & 65535) + (bits >> 48);
  constexpr double kDeviation = 37837.22;  // of the sum: 65536 / sqrt(3)
  return (static_cast<double>(sum) - 2 * 65535.0) / kDeviation;
}

}  // namespace

std::vector<std::string> shape_names() {
  return {"disc",  "ring",    "square",   "frame", "triangle",
          "cross", "stripes", "checkers", "dots",  "star"};
}

void draw_shape(std::uint64_t seed, std::int64_t label, std::span<std::uint8_t> samples) {
  Random random(seed);
  const std::array<double, kPlane> cover = random_figure(random, static_cast<Figure>(label));
  const Color back = random_color(random);
  Color front = random_color(random);
  while (difference(back, front) < 0.5) front = random_color(random);
  const double noise = between(random, 0.02, 0.12);
  std::size_t at = 0;
  for (std::size_t c = 0; c < back.size(); ++c) {
    const double slope_x = between(random, -0.2, 0.2) / kShapeSide;
    const double slope_y = between(random, -0.2, 0.2) / kShapeSide;
    for (std::int64_t i = 0; i < kPlane; ++i) {
      const double x = static_cast<double>(i % kShapeSide) - kShapeSide / 2 + 0.5;
      const double y = static_cast<double>(i / kShapeSide) - kShapeSide / 2 + 0.5;
      const double inside = cover[static_cast<std::size_t>(i)];
      const double value = back[c] * (1 - inside) + front[c] * inside + slope_x * x + slope_y * y +
                           noise * near_normal(random.bits());
      samples[at++] =
          static_cast<std::uint8_t>(std::floor(std::clamp(value, 0.0, 1.0) * 255 + 0.5));
    }
  }
}

DataSet shapes(Split split, std::int64_t limit) {
  const std::int64_t all = split == Split::train ? kTrain : kTest;
  const std::int64_t count = limit > 0 ? std::min(limit, all) : all;
  const std::uint64_t first = split == Split::train ? 0 : kTestSeed;
  DataSet set{"shapes", 3, kShapeSide, kShapeSide, {}, {}, 0};
  set.classes = std::ssize(shape_names());
  const std::size_t size = static_cast<std::size_t>(set.picture_size());
  set.pixels.resize(static_cast<std::size_t>(count) * size);
  set.labels.resize(static_cast<std::size_t>(count));
  tbb::parallel_for(std::size_t{0}, set.labels.size(), [&](std::size_t i) {
    const std::int64_t label = static_cast<std::int64_t>(i) % set.classes;
    set.labels[i] = static_cast<std::int32_t>(label);
    draw_shape(first + i, label, std::span(set.pixels).subspan(i * size, size));
  });
  return set;
}

}  // namespace syncopate::data
