#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace syncopate::zoo {

/// Fractions of a layer that are not zero.
struct LayerDensity {
  std::string layer;  ///< Node name in the zoo's network.
  double weights = 1;
  double output = 1;  ///< Of its activations as the next layer reads them; 1 when not known.
  bool operator==(const LayerDensity&) const = default;
};

/// Published densities of a network's layers, from data/densities/TABLE.yaml, in network order.
/// InputError lists tables, or the networks of the table, for an unknown name.
std::vector<LayerDensity> densities(std::string_view table, std::string_view network);
/// The names of the tables.
std::vector<std::string> density_tables();
/// Reads one network from YAML text: network -> layer -> {weights, output}. Strict.
std::vector<LayerDensity> parse_densities(const std::string& yaml, const std::string& source,
                                          std::string_view network);

}  // namespace syncopate::zoo
