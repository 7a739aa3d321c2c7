#pragma once

#include <map>
#include <string>
#include <vector>

#include "prune/structure.h"

namespace syncopate::prune {

/// What one threshold over the scores of all `layers` leaves of each, by node name, so that
/// together they keep Options::density of their weights. Layers of Options::layer_density keep
/// theirs, and no layer less than Options::least_density: the threshold rises for the others.
/// InputError when those fixed layers alone keep more than the density allows. Scores are of
/// windows (of single weights for n_of_m and balanced); scores that tie with the threshold stay.
/// Averages over larger windows vary less, so among layers with windows of very different size a
/// threshold prefers the small ones. With `older`, removed windows stay removed.
std::map<std::string, double> global_densities(const ir::Graph& graph,
                                               const std::vector<Layer>& layers,
                                               const Options& options, const Masks* older);

}  // namespace syncopate::prune
