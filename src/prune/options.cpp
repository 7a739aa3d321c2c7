#include "prune/options.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/params.h"

namespace syncopate::prune {
namespace {

void check_density(double density, const std::string& what) {
  if (!(density > 0 && density <= 1)) {
    fail("prune: {} is {}; expected a fraction above 0 and at most 1", what, density);
  }
}

std::array<std::int64_t, 4> extents(const Block& b) {
  return {b.inputs, b.outputs, b.height, b.width};
}

void check_stride(const Block& block, const Block& stride) {
  for (std::size_t d = 0; d < 4; ++d) {
    if (extents(stride)[d] < 0 || extents(stride)[d] > extents(block)[d]) {
      fail("prune: a window of extent {} slides by {}; expected 1 to {}", extents(block)[d],
           extents(stride)[d], extents(block)[d]);
    }
  }
}

void check_extents(const Options& options) {
  for (const Block& block : {options.conv, options.fc_large, options.fc_small}) {
    for (const std::int64_t extent : extents(block)) {
      if (extent < 1) fail("prune: block extents must be at least 1");
    }
  }
  check_stride(options.conv, options.conv_stride);
  check_stride(options.fc_large, options.fc_stride);
  check_stride(options.fc_small, options.fc_stride);
  if (options.m < 2) fail("prune: n of {} inputs; expected at least 2", options.m);
  if (options.group_1x1 < 1) fail("prune: groups of {} inputs", options.group_1x1);
}

}  // namespace

std::string_view name_of(Method method) {
  switch (method) {
    case Method::magnitude:
      return "magnitude";
    case Method::coarse:
      return "coarse";
    case Method::n_of_m:
      return "n:m";
    case Method::balanced:
      return "balanced";
  }
  broken("unknown method {}", static_cast<int>(method));
}

void check_options(const ir::Graph& graph, const Options& options) {
  check_density(options.density, "density");
  check_extents(options);
  if (!(options.least_density >= 0 && options.least_density <= options.density)) {
    fail("prune: the least density of a layer is {}; expected 0 to {}, the density of all",
         options.least_density, options.density);
  }
  std::vector<std::string> names;
  for (const ir::Node& node : graph.nodes) names.push_back(node.name);
  const auto check_name = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string guess = nearest(name, names);
    fail("prune: no node is named '{}'{}", name,
         guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess));
  };
  for (const auto& [name, density] : options.layer_density) {
    check_name(name);
    check_density(density, fmt::format("density of '{}'", name));
  }
  for (const std::string& name : options.keep) check_name(name);
}

}  // namespace syncopate::prune
