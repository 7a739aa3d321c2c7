// What another order of channels gives on pictures that it was not chosen on: cycles and busy
// multipliers of all convolutions with more than one pixel, for channels as they are, sorted by
// density and grouped (flow/rearrange.h). Outputs are compared bit for bit.
//
//   rearrange_bench MODEL --on MACHINE [--set KEY=VALUE]... [--normalize PRESET] [--layers]
//                   --calibrate FILE... --run FILE...
//
// Prints, tab-separated, cycles an inference and utilization for each of the three, and the seconds
// of processor time that grouping took. --layers: before that a line per convolution.

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/restart.h"
#include "flow/inputs.h"
#include "flow/layers.h"
#include "flow/model.h"
#include "flow/prepare.h"
#include "flow/rearrange.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "ref/fixed_net.h"
#include "sim/layer_data.h"

namespace {

using namespace syncopate;

struct Options {
  flow::ModelOptions model;
  flow::InputOptions calibrate, run;
  std::string machine;
  std::vector<std::string> settings;
  bool layers = false;
};

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string>* into = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--on") {
      options.machine = next();
    } else if (word == "--layers") {
      options.layers = true;
    } else if (word == "--set") {
      options.settings.emplace_back(next());
    } else if (word == "--normalize") {
      options.calibrate.preset = options.run.preset = next();
    } else if (word == "--calibrate") {
      into = &options.calibrate.paths;
    } else if (word == "--run") {
      into = &options.run.paths;
    } else if (into != nullptr) {
      into->push_back(word);
    } else {
      options.model.model = word;
    }
  }
  return options;
}

struct Count {
  double cycles = 0, work = 0;
  std::vector<double> layers;
  std::vector<std::vector<Tensor>> outputs;
};

Count count(const Options& options, const gconv::Chain& chain, const flow::Inputs& inputs) {
  const sim::Accelerator& accelerator = accel::find(options.machine);
  const arch::Spec spec = accelerator.spec(Params::from_words(options.settings));
  const auto machine = accelerator.machine(spec);
  const sim::Program program = accelerator.compile(chain, spec);
  const std::vector<map::Loops> loops = flow::loops_of_all(chain);
  const ref::FixedNet net(chain);
  Count result;
  result.layers.resize(loops.size());
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    result.outputs.push_back(net.run(inputs.load(input), [&](std::size_t i, const auto& read) {
      if (loops[i].kind != map::WorkKind::conv || loops[i].pixels() == 1) return;
      sim::LayerData data(chain, chain.gconvs[i], loops[i]);
      data.set_activations(read);
      const sim::Stats stats = machine->open(program, i, data)->count({});
      result.cycles += static_cast<double>(stats.cycles) / static_cast<double>(inputs.size());
      result.layers[i] += static_cast<double>(stats.cycles) / static_cast<double>(inputs.size());
      result.work += static_cast<double>(stats[sim::Cause::work]) /
                     static_cast<double>(inputs.size()) / spec.multipliers();
    }));
  }
  return result;
}

/// Cycles as they are, and those of the other orders over these.
void print_layers(const gconv::Chain& chain, const std::vector<Count>& counts) {
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const double cycles = counts[0].layers[i];
    if (cycles == 0) continue;
    const std::string kind = flow::kind_of(chain.gconvs[i], map::loops_of(chain, chain.gconvs[i]));
    std::printf("%-32s %-14s %10.0f %.3f %.3f\n", chain.gconvs[i].name.c_str(), kind.c_str(),
                cycles, counts[1].layers[i] / cycles, counts[2].layers[i] / cycles);
  }
}

int run(const Options& options) {
  const ir::Graph graph = flow::load_model(options.model);
  const flow::Inputs calibration(graph, options.calibrate), inputs(graph, options.run);
  const gconv::Chain floating = gconv::lower(graph);
  const gconv::Ranges ranges = flow::calibrate(graph, floating, calibration).ranges;
  const gconv::Chain chain = gconv::optimize(gconv::quantize(floating, ranges, {}));
  std::vector<Count> counts = {count(options, chain, inputs)};
  double seconds = 0;
  const sim::Accelerator& accelerator = accel::find(options.machine);
  const Params settings = Params::from_words(options.settings);
  for (const flow::Rearrangement order :
       {flow::Rearrangement::sorted, flow::Rearrangement::grouped}) {
    const std::clock_t start = std::clock();
    const gconv::Chain other =
        flow::reordered(chain, flow::inputs_to_order_by(calibration), order, accelerator, settings);
    seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    counts.push_back(count(options, other, inputs));
    if (counts.back().outputs != counts[0].outputs) fail("{}: outputs differ", chain.name);
  }
  if (options.layers) print_layers(chain, counts);
  for (const Count& one : counts) std::printf("%.0f\t%.3f\t", one.cycles, one.work / one.cycles);
  std::printf("%.1f\n", seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rearrange_bench: %s\n", error.what());
    return 1;
  }
}
