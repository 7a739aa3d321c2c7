#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace syncopate::prune {

/// Which weights may be removed together, and how many must stay.
enum class Method : std::uint8_t {
  magnitude,  ///< Single weights with the smallest |w|.
  coarse,     ///< Whole windows, Cambricon-S section 3.2 of the notes.
  n_of_m,     ///< n of every m consecutive inputs, per output and kernel position (2:4 and such).
  balanced    ///< Every kernel of a layer keeps the same number, Sense section 5.1 of the notes.
};

/// How the weights of one window become one number. The paper compares max and average and adopts
/// the average; the geometric mean is zero as soon as one weight is [recalled: patent family].
enum class Criterion : std::uint8_t { average, max, geometric };

/// Method::balanced where density times kernel size is no integer (4.5 of 9).
enum class QRounding : std::uint8_t {
  alternate,  ///< Kernels keep the integer above or below in a fixed pattern: 5, 4, 5, 4 ...
  down        ///< All keep the integer below, at least 1: 4, 4, 4 ...
};

/// What one threshold over layers compares.
enum class Scale : std::uint8_t {
  none,   ///< Scores as they are.
  layer,  ///< Scores over the root mean square of the layer's weights.
  /// Squares of scores over the sum of the squares, in the same layer, of all that are not smaller:
  /// what a layer would lose of what it still has (layer-adaptive magnitude: Lee et al. 2021).
  lamp
};

/// Extents of a window. Convolution: (inputs, outputs, height, width); fully connected: (inputs,
/// outputs).
struct Block {
  std::int64_t inputs = 1;
  std::int64_t outputs = 16;
  std::int64_t height = 1;
  std::int64_t width = 1;
  bool operator==(const Block&) const = default;
};

/// How to prune. Every field has the value of the notes, or an [assumed] one.
struct Options {
  Method method = Method::coarse;
  Criterion criterion = Criterion::average;
  double density = 0.2;  ///< Fraction of weights that remain in each layer, in (0, 1].
  std::map<std::string, double> layer_density;  ///< Overrides by node name.
  std::set<std::string> keep;                   ///< Nodes left dense.
  Block conv{1, 16, 1, 1};                      ///< [public: summaries of Cambricon-S], AlexNet.
  /// Fully connected layers: 32x32 when both dimensions are at least 4096, else 16x16 [assumed
  /// rule].
  Block fc_large{32, 32, 1, 1};
  Block fc_small{16, 16, 1, 1};
  /// Method::coarse: how far windows slide, 1 to the window's extent; 0 is the extent, windows side
  /// by side. With less, windows overlap: a weight goes when any window over it goes [assumed], and
  /// windows go, lowest score first, as long as the layer keeps its density.
  Block conv_stride{0, 0, 0, 0};
  Block fc_stride{0, 0, 0, 0};
  /// Method::n_of_m: n is round(density * m), at least 1. A tail of t inputs keeps ceil(n * t / m).
  std::int64_t m = 4;
  QRounding q_rounding = QRounding::alternate;
  /// Method::balanced: inputs that count as one kernel in 1x1 and fully connected layers.
  std::int64_t group_1x1 = 32;
  /// `density` is that of all layers together: one threshold over the scores of all layers says how
  /// much each keeps; layers of `layer_density` keep theirs. For n_of_m and balanced the threshold
  /// is over single weights, and each layer is then rounded to what its structure can.
  bool global = false;
  Scale scale = Scale::none;
  double least_density = 0;  ///< Global: what a layer keeps at least; 0 is one window.
};

/// "coarse", "magnitude", "n:m", "balanced".
std::string_view name_of(Method method);

/// InputError for fractions outside (0, 1], extents below 1, strides beyond their windows, or names
/// that no node has (with the nearest one).
void check_options(const ir::Graph& graph, const Options& options);

}  // namespace syncopate::prune
