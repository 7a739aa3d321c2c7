#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace syncopate::train {

/// What a trained constant is to its layer. Weight decay applies to weights alone unless asked.
enum class Role : std::uint8_t {
  weight,      ///< Of Conv, ConvTranspose, Gemm, MatMul.
  bias,        ///< Of those layers, or added by a Binary.
  norm_scale,  ///< BatchNormalization's scale, or the factor of a Binary.
  norm_bias,   ///< BatchNormalization's bias.
  slope        ///< Of PRelu.
};

/// A constant that training changes.
struct Parameter {
  ir::ValueId value = ir::kNoValue;
  Role role = Role::weight;
  std::int64_t fan_in = 1;  ///< Inputs of one output of the layer, for initialization.
};

/// A BatchNormalization's running mean or variance.
struct Statistic {
  ir::ValueId value = ir::kNoValue;
  bool variance = false;
};

/// What training changes in a network.
struct Trainable {
  std::vector<Parameter> parameters;  ///< In the order of the nodes, each constant once.
  std::vector<Statistic> statistics;
};

/// The float constants that feed Conv, ConvTranspose, Gemm, MatMul, BatchNormalization (scale,
/// bias) and PRelu; and those of more than one element that a Binary adds, subtracts or multiplies
/// behind at least one such layer: before the first one they normalize pictures, and as divisors
/// they are left alone.
Trainable trainable(const ir::Graph& graph);

/// A copy in which no two layers share a one-dimensional constant: exporters store equal biases and
/// statistics once, but they are to be trained apart. Copies are named CONSTANT.NODE. Shared
/// weights of two or more dimensions stay tied. `origins`, when given, receives the constant of
/// each copy.
ir::Graph unshared(const ir::Graph& graph, std::map<std::string, std::string>* origins = nullptr);

/// What weights are before training. `he`: normal with variance 2 / fan-in. `identity`: as many
/// filters of a convolution, of each of its groups, as it has inputs begin as copies of one input
/// each, so that pictures reach deep layers at once where no shortcuts carry them; filters beyond
/// these, and kernels without a center, as with `he`. [public: Zagoruyko and Komodakis 2017; a part
/// of the filters: Jordan 2024]
enum class Start : std::uint8_t { he, identity };

/// Untrained values for everything in `trainable`: weights as said, biases 0, scales 1, slopes
/// 0.25, statistics 0 and 1. Same seed, same values on every platform. The graph is then no longer
/// marked synthetic.
void initialize(ir::Graph& graph, std::uint64_t seed, Start start = Start::he);

/// Why a graph whose inputs have a first extent N cannot process another number of pictures at once
/// (an operator mixes them), naming the node; empty when it can.
std::string batch_obstacle(const ir::Graph& graph);

}  // namespace syncopate::train
