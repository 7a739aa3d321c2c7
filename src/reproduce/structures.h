#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ir/graph.h"
#include "prune/structure.h"

namespace syncopate::reproduce {

/// How zeros lie among the weights.
enum class Structure : std::uint8_t {
  dense,     ///< No zeros.
  fine,      ///< Anywhere.
  coarse,    ///< In blocks: (1,16,1,1) in convolutions, 32x32 or 16x16 in fully connected layers.
  balanced,  ///< As many in every kernel, or in every 32 inputs of kernels of one weight. Where the
             ///< density asks for a fraction, kernels keep one more or less in a fixed pattern.
  whole,     ///< The same, at the whole number of weights nearest to the density: equal kernels.
  vectors,  ///< As balanced, but kernels of one weight in every min(32, inputs / 32) inputs: what a
            ///< PE of 32 rows holds of them.
  columns,  ///< The same positions in 128 outputs.
  patterns  ///< Kernels of several weights have one of six masks of their layer; others are whole.
};

/// The densities of a network's weights.
struct WeightDensities {
  double others = 0.5;                   ///< Of layers without their own.
  std::map<std::string, double> layers;  ///< By node name.
};

/// Removes weights in one shot, the smallest first as far as the structure lets it.
void prune_to(ir::Graph& graph, Structure structure, const WeightDensities& densities);

/// Masks of Structure::patterns: each layer's patterns hold the positions that its kernels need
/// most, as many as the density says (a half less, at least one), and a kernel takes the one that
/// keeps the most of its squares. Layers whose kernels are one weight have no entry.
prune::Masks pattern_masks(const ir::Graph& graph, const WeightDensities& densities,
                           std::size_t most_patterns);

}  // namespace syncopate::reproduce
