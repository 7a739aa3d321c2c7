#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flow/run.h"
#include "map/search.h"

namespace syncopate::flow {

/// What a search makes small.
enum class Objective : std::uint8_t {
  time,
  energy,
  edp  ///< Energy-delay product.
};
/// "time", "energy" or "edp"; InputError otherwise.
Objective objective_from(std::string_view name);

struct TuneOptions {
  RunOptions run;                ///< Of one machine; its overrides are where the search starts.
  std::vector<map::Knob> knobs;  ///< Parameters of the machine.
  Objective objective = Objective::edp;
  /// Settings that need more area than the start are not allowed (see cost/area.h); without effect
  /// on machines whose area is not modelled.
  bool any_area = false;
  std::int64_t budget = 100;  ///< Most settings evaluated.
  /// File that keeps what was evaluated, so that an interrupted search goes on; empty: none.
  std::string journal;
};

/// One setting and what it cost, over all inputs.
struct TunePoint {
  std::vector<std::string> values;  ///< One per knob.
  double seconds = 0, picojoules = 0;
  double mm2 = 0;  ///< 0 when not modelled.
  bool allowed = true;

  double cost(Objective objective) const;
};
struct TuneResult {
  std::string model, machine;
  bool synthetic = false;
  std::vector<map::Knob> knobs;   ///< With the start's values among the choices.
  std::vector<TunePoint> points;  ///< The start first.
  std::size_t best = 0;
  Objective objective = Objective::edp;

  /// How much less the best costs than the start, as a fraction.
  double gain() const;
};

/// Searches a machine's parameters for the least cost of running a network (map/search.h). Every
/// point is an exact run with its sampled check; energy includes DRAM. InputError as run() has
/// them, and for knobs the machine does not have or a journal of another search.
TuneResult tune(const TuneOptions& options, const Watch& watch = {});

}  // namespace syncopate::flow
