#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "ir/graph.h"

namespace syncopate::zoo {

// What is made up in synthetic experiments. Graphs these functions touch are marked synthetic.

/// Replaces the weights of every Conv and Gemm by the nearest of a few values, as local
/// quantization leaves them: `levels` of them, evenly spaced around zero and within +-3 standard
/// deviations of the layer's non-zero weights. Zeros stay zero and nothing else becomes zero; zero
/// is not one of the levels. InputError unless both numbers of levels are even and at least 2.
void to_codebook(ir::Graph& graph, int conv_levels, int fc_levels);

/// Densities of `channels` channels: a Beta distribution with the given mean and concentration
/// (alpha + beta; smaller spreads wider), shifted so that their average is the mean.
std::vector<double> spread_densities(Random& random, std::int64_t channels, double mean,
                                     double concentration);

/// A smooth picture without zeros, in the shape of the graph's first input: sums of a few waves
/// with values in (0, 1].
Tensor smooth_picture(const Shape& shape, std::uint64_t seed);

}  // namespace syncopate::zoo
