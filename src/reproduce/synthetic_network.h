#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/graph.h"
#include "zoo/densities.h"

namespace syncopate::reproduce {

/// How zeros lie among the weights.
enum class Structure : std::uint8_t {
  fine,   ///< Anywhere.
  coarse  ///< In blocks: (1,16,1,1) in convolutions, 32x32 or 16x16 in fully connected layers.
};

struct SyntheticOptions {
  std::string
      network;        ///< Of the zoo: a chain of convolutions, pooling and fully connected layers.
  std::string table;  ///< Of densities, see zoo/densities.h.
  Structure structure = Structure::fine;
  /// Distinct values of the weights left: 8-bit codes in convolutions and 4-bit codes in fully
  /// connected layers [public: summaries of Cambricon-S], with one code of the larger for zero.
  int conv_levels = 254, fc_levels = 16;
  /// Of the Beta distribution of a layer's channel densities [assumed].
  double channel_concentration = 4;
  std::uint64_t seed = 1;
};

/// A network with made-up weights whose layers have the densities of a table, in weights and in
/// activations, for one made-up picture.
struct SyntheticNetwork {
  ir::Graph graph;
  Tensor input;
  std::vector<zoo::LayerDensity> reached;  ///< What came out, measured.
};

/// Random weights are pruned to the table's densities and put on a codebook. Then, layer by layer,
/// the biases are set so that the wanted fraction of activations is positive, as the next layer
/// reads them (behind pooling): per channel in convolutions, with a Beta spread over channels, and
/// over the whole layer in fully connected ones. So one ordinary inference has the stated
/// densities, and everything downstream of it, checks included, works as for a real network.
/// InputError when the network is no such chain or the table has not its layers.
SyntheticNetwork make_synthetic(const SyntheticOptions& options);

}  // namespace syncopate::reproduce
