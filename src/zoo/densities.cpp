#include "zoo/densities.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>

#include "base/embedded.h"
#include "base/error.h"
#include "base/params.h"

namespace syncopate::zoo {

namespace density_data {
std::span<const base::EmbeddedFile> embedded_files();  // data/densities/*.yaml
}

namespace {

constexpr std::string_view kSuffix = ".yaml";

double density_of(const YAML::Node& node, const std::string& source, const std::string& key) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value <= 1)) {
    fail("{}:{}: {} = '{}': expected a density in (0, 1]", source, node.Mark().line + 1, key, text);
  }
  return value;
}

std::vector<LayerDensity> read_layers(const YAML::Node& network, const std::string& source) {
  std::vector<LayerDensity> layers;
  for (const auto& entry : network) {
    LayerDensity layer{entry.first.Scalar(), 0, 1};
    for (const auto& value : entry.second) {
      const std::string key = value.first.Scalar();
      if (key == "weights") {
        layer.weights = density_of(value.second, source, layer.layer + ".weights");
      } else if (key == "output") {
        layer.output = density_of(value.second, source, layer.layer + ".output");
      } else {
        fail("{}:{}: {}: unknown key '{}' (known: weights, output)", source,
             value.first.Mark().line + 1, layer.layer, key);
      }
    }
    if (layer.weights == 0) {
      fail("{}:{}: {} has no 'weights'", source, entry.first.Mark().line + 1, layer.layer);
    }
    layers.push_back(layer);
  }
  return layers;
}

}  // namespace

std::vector<LayerDensity> parse_densities(const std::string& yaml, const std::string& source,
                                          std::string_view network) {
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) fail("{}: expected a mapping of networks", source);
    std::vector<std::string> known;
    for (const auto& entry : root) {
      if (entry.first.Scalar() == network) return read_layers(entry.second, source);
      known.push_back(entry.first.Scalar());
    }
    fail("{}: no densities for '{}' (known: {})", source, network, fmt::join(known, ", "));
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
}

std::vector<std::string> density_tables() {
  std::vector<std::string> names;
  for (const base::EmbeddedFile& file : density_data::embedded_files()) {
    names.emplace_back(file.name.substr(0, file.name.size() - kSuffix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<LayerDensity> densities(std::string_view table, std::string_view network) {
  for (const base::EmbeddedFile& file : density_data::embedded_files()) {
    if (file.name == std::string(table) + std::string(kSuffix)) {
      return parse_densities(std::string(file.contents), std::string(file.name), network);
    }
  }
  const std::string guess = nearest(table, density_tables());
  fail("unknown density table '{}'{} (known: {})", table,
       guess.empty() ? "" : "; did you mean '" + guess + "'?", fmt::join(density_tables(), ", "));
}

}  // namespace syncopate::zoo
