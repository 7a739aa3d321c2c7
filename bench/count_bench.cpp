// What a run costs beside plain float inference of the same network, for every registered
// accelerator: compiling, counting (fresh: masks of operands included; again: without), and
// counting while the tiles are played against memory. Before anything is timed, tiles of every
// layer are replayed in the clocked engine and compared.
//
//   count_bench [--cpu] [--rounds N] [--on MACHINE [--set KEY=VALUE]...] [network...]
//
// Default: vgg16 resnet50, pruned to a fifth of their weights in blocks. --cpu measures processor
// time, for machines that are busy otherwise.

#include <chrono>
#include <cstdio>
#include <ctime>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/restart.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "prune/prune.h"
#include "ref/calibrate.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"
#include "sim/check.h"
#include "sim/timeline.h"
#include "zoo/networks.h"
#include "zoo/synthetic.h"

namespace {

using namespace syncopate;

bool processor_time = false;
int rounds = 1;  ///< Repetitions of what can be repeated; the best one counts.
std::string only_machine;
std::vector<std::string> settings;  ///< Of that machine.

/// Seconds since some moment: wall clock, or half the processor time of all threads.
double now() {
  if (processor_time) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC / 2;
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

double seconds(const std::function<void()>& action) {
  const double start = now();
  action();
  return now() - start;
}

double best_of(int times, const std::function<void()>& action) {
  double best = seconds(action);
  for (int i = 1; i < times; ++i) best = std::min(best, seconds(action));
  return best;
}

/// One accelerator and what it took so far.
struct Run {
  const sim::Accelerator* accelerator;
  arch::Spec spec;
  std::unique_ptr<sim::Machine> machine;
  sim::Program program;
  std::unique_ptr<sim::Memory> memory;
  std::unique_ptr<sim::Timeline> timeline;
  double compile = 0, fresh = 0, further = 0, with_time = 0, check = 0;
  sim::CheckResult checked;
};

/// A network brought to fixed point, with one input.
struct Network {
  ir::Graph graph;
  gconv::Chain chain;
  std::vector<Tensor> inputs;
};

Network prepare(const std::string& name) {
  Network network;
  network.graph = zoo::network(name);
  prune::Options options;
  options.density = 0.2;
  prune::prune(network.graph, options);
  network.inputs = {zoo::smooth_picture(network.graph.value(network.graph.inputs[0]).shape, 1)};
  const gconv::Chain lowered = gconv::lower(network.graph);
  const std::vector<std::vector<Tensor>> calibration = {network.inputs};
  const gconv::Ranges ranges = ref::calibrate(network.graph, lowered, calibration).ranges;
  network.chain = gconv::optimize(gconv::quantize(lowered, ranges, {}));
  return network;
}

/// Counts a layer on every machine. The first one pays for the masks that all share.
void count_layer(std::deque<Run>& runs, const gconv::Chain& chain, std::size_t index,
                 const ref::FixedNet::Reader& read) {
  const gconv::GConv& gconv = chain.gconvs[index];
  for (Run& first : runs) {
    sim::LayerData data(chain, gconv, first.program.layers[index].loops);
    data.set_activations(read);
    std::unique_ptr<sim::LayerRun> run;
    const auto count = [&](bool time) {
      run = first.machine->open(first.program, index, data);
      if (time) {
        first.timeline->add_layer(*run);
      } else {
        run->count({});
      }
    };
    first.fresh += seconds([&] { count(false); });
    first.further += best_of(rounds, [&] { count(false); });
    first.with_time += best_of(rounds, [&] { count(true); });
    first.check += seconds([&] { first.checked += sim::check_layer(*run, data, {}); });
  }
}

int bench(const std::string& name) {
  const Network network = prepare(name);
  const ref::FloatNet float_net(network.graph);
  float_net.run(network.inputs);
  const double inference = best_of(5, [&] { float_net.run(network.inputs); });
  const ref::FixedNet fixed(network.chain);
  const double exact = best_of(2, [&] { fixed.run(network.inputs); });
  std::printf("%s: float inference %.1f ms, fixed point %.1f ms\n", name.c_str(), inference * 1e3,
              exact * 1e3);
  std::deque<Run> runs;
  for (const sim::Accelerator* accelerator : accel::all()) {
    if (!only_machine.empty() && only_machine != accelerator->name) continue;
    Run& run = runs.emplace_back();
    run.accelerator = accelerator;
    run.spec = accelerator->spec(Params::from_words(settings));
    run.machine = accelerator->machine(run.spec);
    run.compile =
        best_of(rounds, [&] { run.program = accelerator->compile(network.chain, run.spec); });
    run.memory = sim::make_memory(run.spec.dram, run.spec.clock_mhz);
    run.timeline = std::make_unique<sim::Timeline>(run.spec, *run.memory);
  }
  fixed.run(network.inputs, [&](std::size_t index, const ref::FixedNet::Reader& read) {
    count_layer(runs, network.chain, index, read);
  });
  int failed = 0;
  for (const Run& run : runs) {
    failed += run.checked.differences != 0;
    for (const sim::Mismatch& mismatch : run.checked.first) {
      std::printf("  %s: %s\n", std::string(run.accelerator->name).c_str(),
                  to_string(mismatch).c_str());
    }
    std::printf(
        "  %-12s compile %7.1f ms  count %7.1f ms (%.2fx)  again %7.1f ms (%.2fx)  with timeline "
        "%6.1f ms (%.2fx)"
        "  check %7.1f ms (%.1f M pairs, %.0f M pairs/s)  %lld cycles\n",
        std::string(run.accelerator->name).c_str(), run.compile * 1e3, run.fresh * 1e3,
        run.fresh / inference, run.further * 1e3, run.further / inference, run.with_time * 1e3,
        run.with_time / inference, run.check * 1e3, static_cast<double>(run.checked.pairs) * 1e-6,
        static_cast<double>(run.checked.pairs) * 1e-6 / run.check,
        static_cast<long long>(run.timeline->now()));
  }
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--cpu") {
      processor_time = true;
    } else if (word == "--rounds" && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else if (word == "--on" && i + 1 < argc) {
      only_machine = argv[++i];
    } else if (word == "--set" && i + 1 < argc) {
      settings.emplace_back(argv[++i]);
    } else {
      names.push_back(word);
    }
  }
  if (names.empty()) names = {"vgg16", "resnet50"};
  try {
    int failed = 0;
    for (const std::string& name : names) failed += bench(name);
    return failed == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "count_bench: %s\n", error.what());
    return 1;
  }
}
