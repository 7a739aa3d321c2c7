#include "zoo/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <variant>

#include "base/error.h"

namespace syncopate::zoo {
namespace {

void quantize_to(Tensor& weights, int levels) {
  double squares = 0;
  std::int64_t count = 0;
  for (const float w : weights.data<float>()) {
    squares += static_cast<double>(w) * static_cast<double>(w);
    count += w != 0 ? 1 : 0;
  }
  if (count == 0 || squares == 0) return;
  // Levels at odd multiples of half a step: ..., -1/2, +1/2, ...
  const double step =
      6 * std::sqrt(squares / static_cast<double>(count)) / static_cast<double>(levels);
  const double most = levels / 2.0 - 0.5;
  for (float& w : weights.mutable_data<float>()) {
    if (w == 0) continue;
    const double half = std::floor(std::abs(static_cast<double>(w)) / step) + 0.5;
    w = static_cast<float>(std::copysign(std::min(half, most) * step, static_cast<double>(w)));
  }
}

/// Gamma distribution with that shape and scale 1 (Marsaglia and Tsang, 2000).
double gamma(Random& random, double shape) {
  if (shape < 1) {
    return gamma(random, shape + 1) * std::pow(1 - random.uniform(), 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  for (;;) {
    const double x = random.normal();
    const double v = std::pow(1 + x / std::sqrt(9 * d), 3);
    if (v > 0 && std::log(1 - random.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) {
      return d * v;
    }
  }
}

}  // namespace

void to_codebook(ir::Graph& graph, int conv_levels, int fc_levels) {
  for (const int levels : {conv_levels, fc_levels}) {
    if (levels < 2 || levels % 2 != 0) fail("a codebook of {} levels: expected 2, 4, ...", levels);
  }
  for (const ir::Node& node : graph.nodes) {
    const bool conv = std::holds_alternative<ir::Conv>(node.op);
    if (!conv && !std::holds_alternative<ir::Gemm>(node.op)) continue;
    std::optional<Tensor>& weights = graph.value(node.inputs.at(1)).constant;
    if (weights) quantize_to(*weights, conv ? conv_levels : fc_levels);
  }
  graph.synthetic = true;
}

std::vector<double> spread_densities(Random& random, std::int64_t channels, double mean,
                                     double concentration) {
  std::vector<double> densities(static_cast<std::size_t>(channels), mean);
  if (mean <= 0 || mean >= 1) return densities;
  for (double& density : densities) {
    const double a = gamma(random, mean * concentration);
    const double b = gamma(random, (1 - mean) * concentration);
    density = a / (a + b);
  }
  const auto average = [&](double shift) {
    double sum = 0;
    for (const double density : densities) sum += std::clamp(density + shift, 0.0, 1.0);
    return sum / static_cast<double>(channels);
  };
  double low = -1, high = 1;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (average(middle) < mean ? low : high) = middle;
  }
  for (double& density : densities) density = std::clamp(density + low, 0.0, 1.0);
  return densities;
}

Tensor smooth_picture(const Shape& shape, std::uint64_t seed) {
  if (shape.size() != 4) fail("a picture has 4 dimensions, not {}", shape.size());
  constexpr int kWaves = 6;
  Random random(seed);
  Tensor picture = Tensor::uninitialized(DType::f32, shape);
  const auto values = picture.mutable_data<float>();
  std::size_t at = 0;
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    double x[kWaves], y[kWaves], phase[kWaves];
    for (int wave = 0; wave < kWaves; ++wave) {
      x[wave] = random.normal() * 4 * std::numbers::pi / static_cast<double>(shape[3]);
      y[wave] = random.normal() * 4 * std::numbers::pi / static_cast<double>(shape[2]);
      phase[wave] = random.uniform() * 2 * std::numbers::pi;
    }
    for (std::int64_t row = 0; row < shape[2]; ++row) {
      for (std::int64_t column = 0; column < shape[3]; ++column) {
        double sum = 0;
        for (int wave = 0; wave < kWaves; ++wave) {
          sum += std::sin(x[wave] * static_cast<double>(column) +
                          y[wave] * static_cast<double>(row) + phase[wave]);
        }
        values[at++] = static_cast<float>(0.5 + 0.49 * sum / kWaves);
      }
    }
  }
  return picture;
}

}  // namespace syncopate::zoo
