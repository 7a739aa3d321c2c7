#include "flow/run.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "accel/registry.h"
#include "base/error.h"
#include "flow/answers.h"
#include "flow/layers.h"
#include "flow/prepare.h"
#include "flow/rearrange.h"
#include "flow/strands.h"
#include "flow/target.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"

namespace syncopate::flow {
namespace {

/// Times phases and tells the watcher.
class Phases {
 public:
  Phases(const Watch& watch, std::vector<report::Phase>& record) : watch_(watch), record_(record) {}

  template <class Work>
  auto operator()(std::string name, Work&& work) {
    const Timed timed(*this, std::move(name));
    step("", 0, 0);
    return work();
  }
  void step(std::string_view detail, std::int64_t done, std::int64_t total) const {
    if (watch_) watch_({name_, detail, done, total});
  }

 private:
  using Clock = std::chrono::steady_clock;
  /// Records the phase when it ends.
  struct Timed {
    Timed(Phases& owner, std::string name) : phases(owner) { phases.name_ = std::move(name); }
    ~Timed() {
      const std::chrono::duration<double> spent = Clock::now() - begin;
      phases.record_.push_back({phases.name_, spent.count()});
    }
    Phases& phases;
    Clock::time_point begin = Clock::now();
  };

  const Watch& watch_;
  std::vector<report::Phase>& record_;
  std::string name_;
};

/// Float outputs of the inputs calibration did not run.
std::vector<std::vector<Tensor>> remaining_outputs(const ir::Graph& graph, const Inputs& inputs,
                                                   std::size_t first, const Phases& phases) {
  std::vector<std::vector<Tensor>> outputs;
  if (first >= inputs.size()) return outputs;
  const ref::FloatNet net(graph);
  for (std::size_t i = first; i < inputs.size(); ++i) {
    phases.step(inputs.name(i), static_cast<std::int64_t>(i),
                static_cast<std::int64_t>(inputs.size()));
    outputs.push_back(net.run(inputs.load(i)));
  }
  return outputs;
}

/// What is wrong with machines or memories is said before the long work.
void check_requests(const RunOptions& options) {
  for (const MachineRequest& request : options.machines) {
    const arch::Spec spec = accel::find(request.name).spec(request.overrides);
    sim::make_memory(options.dram.empty() ? spec.dram : options.dram, spec.clock_mhz);
    cost::EnergyTable::load(spec.node_nm, options.energy);
  }
}

/// Hands the layers of an inference to the machines while the inference goes on.
class Simulation {
 public:
  Simulation(const gconv::Chain& chain, const std::vector<map::Loops>& loops,
             const std::vector<std::unique_ptr<Target>>& targets, DensityCounter& densities)
      : chain_(chain),
        loops_(loops),
        targets_(targets),
        densities_(densities),
        strands_(targets.size() + 1) {}

  /// A layer that has just been computed, on input number `seed`.
  void add(std::size_t index, const ref::FixedNet::Reader& read, std::uint64_t seed) {
    // Layers that wait hold their activations.
    if (held_ > kMostHeld) strands_.wait();
    const auto layer = std::make_shared<Layer>(*this, index, read);
    for (std::size_t t = 0; t < targets_.size(); ++t) {
      strands_.post(t, [&target = *targets_[t], layer, index, seed] {
        target.execute(layer->data, index, seed);
      });
    }
    strands_.post(targets_.size(), [this, layer, index] { densities_.add(index, layer->data); });
  }
  /// Until all machines are done. Throws what went wrong on one of them.
  void finish() { strands_.wait(); }

 private:
  static constexpr std::int64_t kMostHeld = 1 << 26;  ///< Activations, in elements.

  struct Layer {
    Layer(Simulation& owner, std::size_t index, const ref::FixedNet::Reader& read)
        : data(owner.chain_, owner.chain_.gconvs[index], owner.loops_[index]), held(owner.held_) {
      data.set_activations(read);
      size = std::ssize(data.input()) + std::ssize(data.second()) + std::ssize(data.output());
      held += size;
    }
    ~Layer() { held -= size; }
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    sim::LayerData data;
    std::int64_t size = 0;
    std::atomic<std::int64_t>& held;
  };

  const gconv::Chain& chain_;
  const std::vector<map::Loops>& loops_;
  const std::vector<std::unique_ptr<Target>>& targets_;
  DensityCounter& densities_;
  std::atomic<std::int64_t> held_{0};
  Strands strands_;  ///< One per machine, and one for densities.
};

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

report::RunResult run(const RunOptions& options, const Watch& watch) {
  check_requests(options);
  report::RunResult result;
  Phases phase(watch, result.phases);

  // From the network to an integer chain. The float network is dropped on the way: its weights are
  // the largest thing in memory.
  std::optional<ir::Graph> graph = phase("import", [&] { return load_model(options.model); });
  const Inputs inputs(*graph, options.input);
  result.model = model_name(options.model.model);
  result.source = graph->source;
  result.synthetic = graph->synthetic;
  std::optional<gconv::Chain> floating = phase("lower", [&] { return gconv::lower(*graph); });
  std::vector<std::vector<Tensor>> answers;
  gconv::Ranges ranges;
  phase("calibrate", [&] {
    ref::Calibration calibration = calibrate(*graph, *floating, inputs);
    ranges = std::move(calibration.ranges);
    answers = std::move(calibration.outputs);
    for (auto& more : remaining_outputs(*graph, inputs, answers.size(), phase)) {
      answers.push_back(std::move(more));
    }
  });
  graph.reset();
  gconv::Chain chain =
      phase("quantize", [&] { return gconv::quantize(*floating, ranges, options.quantize); });
  floating.reset();
  chain = phase("optimize", [&] { return gconv::optimize(std::move(chain)); });
  if (options.rearrange != Rearrangement::none) {
    chain = phase("rearrange", [&] {
      const MachineRequest& first = options.machines.at(0);
      return reordered(std::move(chain), inputs_to_order_by(inputs), options.rearrange,
                       accel::find(first.name), first.overrides);
    });
  }
  const ref::Runs runs = inputs.size() == 1 ? ref::Runs::once : ref::Runs::often;
  const ref::FixedNet net = phase("build", [&] { return ref::FixedNet(chain, runs); });

  std::vector<std::unique_ptr<Target>> targets;
  phase("compile", [&] {
    for (const MachineRequest& request : options.machines) {
      phase.step(request.name, static_cast<std::int64_t>(targets.size()),
                 static_cast<std::int64_t>(options.machines.size()));
      const TargetOptions target{options.dram, options.energy, options.check};
      targets.push_back(std::make_unique<Target>(request, target, chain));
    }
  });

  // One inference per input, shared by all machines.
  const std::vector<map::Loops> loops = loops_of_all(chain);
  result.layers = phase("describe", [&] { return describe_layers(chain, loops); });
  DensityCounter densities(result.layers);
  phase("run", [&] {
    const auto total = static_cast<std::int64_t>(inputs.size() * chain.gconvs.size());
    Simulation simulation(chain, loops, targets, densities);
    for (std::size_t input = 0; input < inputs.size(); ++input) {
      const auto outputs = net.run(inputs.load(input), [&](std::size_t index, const auto& read) {
        const std::int64_t done = static_cast<std::int64_t>(input * chain.gconvs.size() + index);
        phase.step(chain.gconvs[index].name, done, total);
        simulation.add(index, read, options.model.seed + input);
      });
      result.answers.push_back(compare(inputs.name(input), answers[input][0],
                                       net.dequantize(outputs)[0], options.labels));
    }
    simulation.finish();
  });
  densities.finish();

  for (const auto& target : targets) result.machines.push_back(target->finish());
  result.command = options.command;
  result.weight_bits = options.quantize.weight_bits;
  result.activation_bits = options.quantize.activation_bits;
  result.input_description = inputs.description();
  result.procedural_input = inputs.procedural();
  result.inputs = static_cast<std::int64_t>(inputs.size());
  result.check = options.check;
  result.seed = options.model.seed;
  result.peak_memory_bytes = peak_memory();
  return result;
}

}  // namespace syncopate::flow
