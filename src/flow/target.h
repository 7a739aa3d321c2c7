#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cost/energy.h"
#include "flow/run.h"
#include "report/result.h"
#include "sim/accelerator.h"
#include "sim/check.h"
#include "sim/layer_data.h"
#include "sim/memory.h"
#include "sim/timeline.h"

namespace syncopate::flow {

/// What holds for all machines of a run.
struct TargetOptions {
  std::string dram;  ///< Memory preset; empty: the machine's own.
  Params energy;     ///< Changes to the energy table.
  sim::CheckMode check = sim::CheckMode::sample;
};

/// One machine in a run: its program, both engines, its memory and clock, and what it counted.
class Target {
 public:
  /// Compiles `chain`, which must outlive this.
  Target(const MachineRequest& request, const TargetOptions& options, const gconv::Chain& chain);
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// Executes one GCONV on the operands in `data`: counts all tiles, plays them against memory, and
  /// replays some in the clocked engine. InternalError when the engines disagree.
  void execute(const sim::LayerData& data, std::size_t gconv, std::uint64_t seed);

  const std::string& name() const { return result_.spec.machine; }
  /// Totals filled in. Call once, at the end.
  report::MachineResult finish();

 private:
  TargetOptions options_;
  report::MachineResult result_;
  sim::Program program_;
  cost::EnergyTable energy_;
  std::unique_ptr<sim::Machine> machine_;
  std::unique_ptr<sim::Memory> memory_;
  std::unique_ptr<sim::Timeline> timeline_;
  std::vector<std::size_t> layer_of_gconv_;
};

}  // namespace syncopate::flow
