#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::prune {

/// How weights are chosen for removal. One shot: nothing is trained afterwards.
enum class Method : std::uint8_t {
  magnitude,  ///< Single weights with the smallest |w|.
  coarse      ///< Whole blocks, Cambricon-S section 3.2 of the notes.
};

/// How the weights of one block become one number. The paper compares both and adopts the average.
enum class Criterion : std::uint8_t { average, max };

/// Window of a block. Convolution: (inputs, outputs, height, width); fully connected: (inputs,
/// outputs).
struct Block {
  std::int64_t inputs = 1;
  std::int64_t outputs = 16;
  std::int64_t height = 1;
  std::int64_t width = 1;
};

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
};

/// What happened to one layer.
struct LayerReport {
  std::string node;
  std::string op;
  std::int64_t weights = 0;
  std::int64_t kept = 0;    ///< Non-zero weights that remain.
  std::int64_t blocks = 0;  ///< Blocks the layer has (weights for Method::magnitude).
  std::int64_t blocks_kept = 0;
  double energy_kept = 1;  ///< Sum of squares that remains, as a fraction.
};

/// Zeroes weights of Conv, Gemm and MatMul layers in place. Depthwise convolutions are left alone:
/// their outputs share no inputs. Edge blocks are judged by their real elements only. InputError
/// for a density outside (0, 1], an unknown node name, or a network without weights.
std::vector<LayerReport> prune(ir::Graph& graph, const Options& options);

/// Non-zero mask of a weight tensor, row-major, one byte (0 or 1) per weight. f32 only.
std::vector<std::uint8_t> mask_of(const Tensor& weights);

}  // namespace syncopate::prune
