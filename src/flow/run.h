#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/params.h"
#include "flow/inputs.h"
#include "flow/model.h"
#include "flow/rearrange.h"
#include "gconv/quantize.h"
#include "report/result.h"
#include "sim/check.h"

namespace syncopate::flow {

/// A machine to run on, with what the user changed about it.
struct MachineRequest {
  std::string name;  ///< Of a folder under accel/.
  Params overrides;
};

struct RunOptions {
  ModelOptions model;
  std::vector<MachineRequest> machines;
  InputOptions input;
  gconv::QuantizeOptions quantize;
  /// Channels in another order; `grouped` for the first machine.
  Rearrangement rearrange = Rearrangement::none;
  sim::CheckMode check = sim::CheckMode::sample;
  std::string dram;                 ///< Preset for all machines; empty: each machine's own.
  Params energy;                    ///< Changes to the energy table, e.g. dram_pj_per_bit.
  std::vector<std::string> labels;  ///< Names of classes, by index.
  std::string command;              ///< For the record in reports.
};

/// Where a run stands. `done` of `total` steps of this phase; total is 0 while it is unknown.
struct Step {
  std::string_view phase;   ///< "import", "calibrate", "run", ...
  std::string_view detail;  ///< E.g. the layer's name; may be empty.
  std::int64_t done = 0, total = 0;
};
/// Called from the thread that runs. It may throw to abandon the run.
using Watch = std::function<void(const Step&)>;

/// The whole pipeline, from a file to results. One inference per input is shared by all machines.
/// InputError for whatever is wrong with model, inputs or parameters; InternalError when the two
/// engines of a machine disagree.
report::RunResult run(const RunOptions& options, const Watch& watch = {});

}  // namespace syncopate::flow
