#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace syncopate::map {

/// Something that can be set, and what it can be set to.
struct Knob {
  std::string name;
  std::vector<std::string> choices;  ///< At least one.
};
/// The chosen index of every knob.
using Setting = std::vector<std::size_t>;

/// Costs of settings, to be worked out together; infinity for one that is not allowed.
using Evaluate = std::function<std::vector<double>(std::span<const Setting>)>;

struct SearchPoint {
  Setting setting;
  double cost = 0;
};
struct SearchResult {
  std::vector<SearchPoint> points;  ///< In order of evaluation; the start first.
  std::size_t best = 0;             ///< The cheapest; among equals the first.
};

/// The setting of least cost: all of them when they are at most `budget`, else by steepest descent
/// from `start`, one knob at a time, evaluating at most `budget`. No setting is evaluated twice.
/// InternalError for a start that is not among the choices or a budget below 1.
SearchResult search(std::span<const Knob> knobs, const Setting& start, std::int64_t budget,
                    const Evaluate& evaluate);

}  // namespace syncopate::map
