#include "report/result.h"

#include <algorithm>

namespace syncopate::report {

double MachineResult::seconds_per_input(std::int64_t inputs) const {
  if (inputs == 0) return 0;
  const double hertz = static_cast<double>(spec.clock_mhz) * 1e6;
  return static_cast<double>(total.stats.cycles) / static_cast<double>(inputs) / hertz;
}

double MachineResult::utilization() const {
  const double all =
      static_cast<double>(spec.multipliers()) * static_cast<double>(total.stats.cycles);
  return all == 0 ? 0 : static_cast<double>(total.stats[sim::Cause::work]) / all;
}

double MachineResult::energy_pj(bool with_dram) const {
  double sum = 0;
  for (const cost::Part& part : total.energy) {
    if (with_dram || !part.dram) sum += part.picojoules;
  }
  return sum;
}

double MachineResult::tops_per_watt(bool with_dram) const {
  const double energy = energy_pj(with_dram);
  return energy == 0 ? 0 : 2 * static_cast<double>(total.stats.pairs_required) / energy;
}

double RunResult::fraction_same_top1() const {
  if (answers.empty()) return 1;
  const auto same = std::count_if(answers.begin(), answers.end(),
                                  [](const Answer& answer) { return answer.same_top1; });
  return static_cast<double>(same) / static_cast<double>(answers.size());
}

void add_energy(std::vector<cost::Part>& total, const std::vector<cost::Part>& parts) {
  for (const cost::Part& part : parts) {
    const auto found = std::find_if(total.begin(), total.end(), [&](const cost::Part& other) {
      return other.component == part.component && other.dram == part.dram;
    });
    if (found == total.end()) {
      total.push_back(part);
    } else {
      found->picojoules += part.picojoules;
    }
  }
}

void add(LayerResult& total, const LayerResult& part) {
  total.stats += part.stats;
  add_energy(total.energy, part.energy);
  total.compute_cycles += part.compute_cycles;
  total.memory_cycles += part.memory_cycles;
  total.tiles += part.tiles;
  total.checked_tiles += part.checked_tiles;
  total.checked_sums += part.checked_sums;
  total.checked_outputs += part.checked_outputs;
}

double speedup(const MachineResult& machine, const MachineResult& base) {
  const double time =
      static_cast<double>(machine.total.stats.cycles) / static_cast<double>(machine.spec.clock_mhz);
  const double base_time =
      static_cast<double>(base.total.stats.cycles) / static_cast<double>(base.spec.clock_mhz);
  return time == 0 ? 0 : base_time / time;
}

}  // namespace syncopate::report
