#include "flow/tune.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "accel/registry.h"
#include "base/error.h"
#include "flow/tune_journal.h"

namespace syncopate::flow {
namespace {

/// Settings run side by side on one inference; each holds its program in memory.
constexpr std::size_t kBatch = 8;

/// The declared value of a parameter of the machine.
std::string value_of(const arch::Spec& spec, const std::string& name) {
  std::vector<std::string> known;
  for (const ParamInfo& info : spec.params) {
    if (info.name == name) return info.value;
    known.push_back(info.name);
  }
  const std::string guess = nearest(name, known);
  fail("{} has no parameter '{}'{} (see `syncopate list --params {}`)", spec.machine, name,
       guess.empty() ? "" : "; did you mean '" + guess + "'?", spec.machine);
}

/// What must be the same for points to be comparable.
std::string identity_of(const RunOptions& run) {
  std::string text =
      fmt::format("{} seed {} on {}", run.model.model, run.model.seed, run.machines.front().name);
  for (const auto& [name, value] : run.model.dims) text += fmt::format(" {}={}", name, value);
  for (const auto& [key, value] : run.machines.front().overrides.values()) {
    text += fmt::format(" {}={}", key, value);
  }
  for (const auto& [key, value] : run.energy.values())
    text += fmt::format(" energy.{}={}", key, value);
  text += fmt::format(" dram {} input [{}] limit {} bits {}/{}", run.dram,
                      fmt::join(run.input.paths, ","), run.input.limit, run.quantize.weight_bits,
                      run.quantize.activation_bits);
  if (run.quantize.weight_threshold > 0 || run.quantize.activation_threshold > 0) {
    text += fmt::format(" thresholds {}/{}", run.quantize.weight_threshold,
                        run.quantize.activation_threshold);
  }
  return text;
}

class Tuner {
 public:
  Tuner(const TuneOptions& options, const Watch& watch)
      : options_(options), watch_(watch), journal_(options.journal, identity_of(options.run)) {
    const MachineRequest& request = options.run.machines.front();
    const arch::Spec spec = accel::find(request.name).spec(request.overrides);
    result_.knobs = options.knobs;
    result_.objective = options.objective;
    result_.machine = request.name;
    for (map::Knob& knob : result_.knobs) {
      const std::string start = value_of(spec, knob.name);
      auto at = std::find(knob.choices.begin(), knob.choices.end(), start);
      if (at == knob.choices.end()) at = knob.choices.insert(at, start);
      start_.push_back(static_cast<std::size_t>(at - knob.choices.begin()));
    }
    check_choices(spec);
  }

  TuneResult run() {
    const map::SearchResult found =
        map::search(result_.knobs, start_, options_.budget,
                    [&](std::span<const map::Setting> settings) { return evaluate(settings); });
    result_.best = found.best;
    result_.model = journal_.network().name;
    result_.synthetic = journal_.network().synthetic;
    return std::move(result_);
  }

 private:
  /// Every choice is refused before any work when the machine does not take it alone.
  void check_choices(const arch::Spec& spec) const {
    for (std::size_t k = 0; k < result_.knobs.size(); ++k) {
      for (std::size_t c = 0; c < result_.knobs[k].choices.size(); ++c) {
        map::Setting setting = start_;
        setting[k] = c;
        static_cast<void>(accel::find(spec.machine).spec(request_of(setting).overrides));
      }
    }
  }
  MachineRequest request_of(const map::Setting& setting) const {
    MachineRequest request = options_.run.machines.front();
    for (std::size_t k = 0; k < setting.size(); ++k) {
      request.overrides.set(result_.knobs[k].name, result_.knobs[k].choices[setting[k]]);
    }
    return request;
  }
  std::vector<std::string> values_of(const map::Setting& setting) const {
    std::vector<std::string> values;
    for (std::size_t k = 0; k < setting.size(); ++k) {
      values.push_back(result_.knobs[k].choices[setting[k]]);
    }
    return values;
  }
  std::string key_of(const map::Setting& setting) const {
    std::string key;
    for (std::size_t k = 0; k < setting.size(); ++k) {
      key += fmt::format("{}{}={}", k == 0 ? "" : " ", result_.knobs[k].name,
                         result_.knobs[k].choices[setting[k]]);
    }
    return key;
  }
  std::vector<double> evaluate(std::span<const map::Setting> settings);
  void run_batch(std::span<const map::Setting> settings);

  const TuneOptions& options_;
  const Watch& watch_;
  TuneJournal journal_;
  TuneResult result_;
  map::Setting start_;
};

void Tuner::run_batch(std::span<const map::Setting> settings) {
  RunOptions run = options_.run;
  run.machines.clear();
  for (const map::Setting& setting : settings) run.machines.push_back(request_of(setting));
  const report::RunResult result = flow::run(run, watch_);
  journal_.set_network({result.model, result.synthetic});
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const report::MachineResult& machine = result.machines[i];
    TunePoint point;
    point.seconds = machine.seconds_per_input(result.inputs);
    point.picojoules = machine.energy_pj(true) / static_cast<double>(result.inputs);
    point.mm2 = cost::total(machine.area);
    journal_.add(key_of(settings[i]), point);
  }
  journal_.save();
}

std::vector<double> Tuner::evaluate(std::span<const map::Setting> settings) {
  std::vector<map::Setting> missing;
  for (const map::Setting& setting : settings) {
    if (journal_.find(key_of(setting)) == nullptr) missing.push_back(setting);
  }
  for (std::size_t at = 0; at < missing.size(); at += kBatch) {
    const std::size_t size = std::min(kBatch, missing.size() - at);
    run_batch(std::span(missing).subspan(at, size));
  }
  std::vector<double> costs;
  for (const map::Setting& setting : settings) {
    TunePoint point = *journal_.find(key_of(setting));
    point.values = values_of(setting);
    const double limit = result_.points.empty() ? point.mm2 : result_.points.front().mm2;
    point.allowed = options_.any_area || point.mm2 <= limit * (1 + 1e-9);
    costs.push_back(point.allowed ? point.cost(options_.objective)
                                  : std::numeric_limits<double>::infinity());
    result_.points.push_back(std::move(point));
  }
  return costs;
}

}  // namespace

Objective objective_from(std::string_view name) {
  if (name == "time") return Objective::time;
  if (name == "energy") return Objective::energy;
  if (name == "edp") return Objective::edp;
  fail("unknown objective '{}' (known: time, energy, edp)", name);
}

double TunePoint::cost(Objective objective) const {
  if (objective == Objective::time) return seconds;
  return objective == Objective::energy ? picojoules : seconds * picojoules;
}

double TuneResult::gain() const {
  return 1 - points[best].cost(objective) / points.front().cost(objective);
}

TuneResult tune(const TuneOptions& options, const Watch& watch) {
  if (options.run.machines.size() != 1) fail("a search takes one machine");
  if (options.knobs.empty()) fail("a search needs at least one parameter to vary");
  for (const map::Knob& knob : options.knobs) {
    if (knob.choices.empty()) fail("'{}': expected at least one value to try", knob.name);
    const auto same = [&](const map::Knob& other) { return other.name == knob.name; };
    if (std::count_if(options.knobs.begin(), options.knobs.end(), same) > 1) {
      fail("'{}' is varied twice", knob.name);
    }
  }
  return Tuner(options, watch).run();
}

}  // namespace syncopate::flow
