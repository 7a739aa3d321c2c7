#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/graph.h"
#include "reproduce/structures.h"
#include "zoo/densities.h"

namespace syncopate::reproduce {

struct SyntheticOptions {
  std::string network;  ///< Of the zoo.
  std::string table;  ///< Of densities, see zoo/densities.h; empty: the densities below everywhere.
  /// Weights left in every layer, in place of the table's.
  std::optional<double> weights;
  /// Activations behind every rectifier, where there is no table.
  double activations = 0.5;
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

/// Random weights are pruned to the wanted densities and put on a codebook. Then, rectifier by
/// rectifier, the biases before it (of the convolution or fully connected layer, of its batch
/// normalization, or of the first such operand of a residual sum) are set so that the wanted
/// fraction of activations is positive, as the next layer reads them (behind max pooling that alone
/// reads them): per channel in convolutions, with a Beta spread over channels, and over the whole
/// layer in fully connected ones. So one ordinary inference has the stated densities, and
/// everything downstream of it, checks included, works as for a real network. InputError when the
/// table has not the network's layers.
SyntheticNetwork make_synthetic(const SyntheticOptions& options);
/// The same from a network that is none of the zoo's; `options.network` names it in the table.
SyntheticNetwork make_synthetic(ir::Graph graph, const SyntheticOptions& options);

}  // namespace syncopate::reproduce
