#include "flow/target.h"

#include <charconv>
#include <chrono>

#include "accel/registry.h"
#include "base/error.h"
#include "sim/check.h"
#include "sim/dram_spec.h"

namespace syncopate::flow {
namespace {

constexpr std::size_t kNoLayer = SIZE_MAX;

/// Adds the time a scope takes to a total.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total) {}
  ~Stopwatch() {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin_;
    total_ += spent.count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& total_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Peak bandwidth of a preset, 10^9 bytes/s. The preset is known to exist.
double peak_gbps(const std::string& preset) {
  constexpr std::string_view kIdeal = "ideal-";
  if (!preset.starts_with(kIdeal)) return sim::load_dram(preset).peak_gbps();
  double value = 0;
  std::from_chars(preset.data() + kIdeal.size(), preset.data() + preset.size(), value);
  return value;
}

void require_equal(const sim::CheckResult& check, const std::string& machine) {
  if (check.differences == 0) return;
  broken("{}: counting and clocked engine differ in {} places, first {}", machine,
         check.differences, sim::to_string(check.first.front()));
}

}  // namespace

Target::Target(const MachineRequest& request, const TargetOptions& options,
               const gconv::Chain& chain)
    : options_(options) {
  const sim::Accelerator& accelerator = accel::find(request.name);
  result_.spec = accelerator.spec(request.overrides);
  if (!options.dram.empty()) result_.spec.dram = options.dram;
  const arch::Spec& spec = result_.spec;
  result_.dram = spec.dram;
  energy_ = cost::EnergyTable::load(spec.node_nm, options.energy);
  if (!spec.blocks.empty()) {
    result_.area = cost::area_of(spec, cost::AreaTable::load(spec.node_nm));
    result_.fpga = cost::fpga_of(spec);
  }
  memory_ = sim::make_memory(spec.dram, spec.clock_mhz);
  result_.dram_gbps = peak_gbps(spec.dram);
  timeline_ = std::make_unique<sim::Timeline>(spec, *memory_);
  machine_ = accelerator.machine(spec);
  {
    const Stopwatch stopwatch(result_.compile_seconds);
    program_ = accelerator.compile(chain, spec);
  }
  result_.program_instructions = std::ssize(program_.code);
  result_.image_bytes = program_.image->bytes();
  layer_of_gconv_.assign(chain.gconvs.size(), kNoLayer);
  for (std::size_t i = 0; i < program_.layers.size(); ++i) {
    layer_of_gconv_[program_.layers[i].gconv] = i;
  }
  result_.layers.resize(chain.gconvs.size());
}

void Target::execute(const sim::LayerData& data, std::size_t gconv, std::uint64_t seed) {
  const std::size_t layer = layer_of_gconv_[gconv];
  if (layer == kNoLayer) return;
  report::LayerResult one;
  std::unique_ptr<sim::LayerRun> run;
  {
    const Stopwatch stopwatch(result_.count_seconds);
    run = machine_->open(program_, layer, data);
    const sim::LayerTime time = timeline_->add_layer(*run);
    one.stats = time.stats;
    one.compute_cycles = time.compute_cycles;
    one.memory_cycles = time.memory_cycles;
    one.tiles = run->tiles();
    one.energy = cost::energy_of(result_.spec, one.stats.actions, energy_);
  }
  if (options_.check != sim::CheckMode::off) {
    const Stopwatch stopwatch(result_.check_seconds);
    sim::CheckOptions check;
    check.mode = options_.check;
    check.seed = seed;
    const sim::CheckResult checked = sim::check_layer(*run, data, check);
    require_equal(checked, name());
    one.checked_tiles = checked.tiles;
    one.checked_sums = checked.sums;
    one.checked_outputs = checked.outputs;
  }
  report::add(result_.layers[gconv], one);
}

report::MachineResult Target::finish() {
  for (const report::LayerResult& layer : result_.layers) report::add(result_.total, layer);
  return std::move(result_);
}

}  // namespace syncopate::flow
