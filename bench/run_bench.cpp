// What a whole fresh `run --check sample` costs beside one float inference of the same network, in
// one process: lowering, calibration, quantization, packing, compiling, fixed-point inference,
// counting and the sampled check on one machine, and what each further machine adds. Reading the
// network is not counted. The run itself checks the answers; float and fixed point must agree on
// the best class.
//
//   run_bench [network...]    default: vgg16 resnet50

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/restart.h"
#include "flow/run.h"
#include "ref/float_net.h"
#include "zoo/networks.h"

namespace syncopate {
namespace {

constexpr int kRounds = 3;

double float_seconds(const std::string& network) {
  const ir::Graph graph = zoo::network(network);
  const ref::FloatNet net(graph);
  const std::vector<Tensor> inputs{Tensor(DType::f32, graph.value(graph.inputs[0]).shape)};
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    net.run(inputs);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

/// Seconds of all phases but the import.
double run_seconds(const std::string& network, std::size_t machines) {
  flow::RunOptions options;
  options.model.model = "zoo:" + network;
  for (std::size_t i = 0; i < machines; ++i) {
    options.machines.push_back({std::string(accel::all()[i]->name), {}});
  }
  const report::RunResult result = flow::run(options);
  if (result.fraction_same_top1() != 1) broken("{}: float and fixed point disagree", network);
  double seconds = 0;
  for (const report::Phase& phase : result.phases) {
    if (phase.name != "import") seconds += phase.seconds;
  }
  return seconds;
}

void compare(const std::string& network) {
  const std::size_t machines = accel::all().size();
  double floating = 1e9;
  std::vector<double> runs(machines + 1, 1e9);
  for (int round = 0; round < kRounds; ++round) {
    floating = std::min(floating, float_seconds(network));
    for (std::size_t count = 1; count <= machines; ++count) {
      runs[count] = std::min(runs[count], run_seconds(network, count));
    }
  }
  std::printf("%-10s float inference %7.1f ms\n", network.c_str(), floating * 1e3);
  for (std::size_t count = 1; count <= machines; ++count) {
    const double added = runs[count] - (count == 1 ? 0 : runs[count - 1]);
    const std::string name(accel::all()[count - 1]->name);
    std::printf("  %-22s %7.1f ms  %5.2fx\n",
                (count == 1 ? "fresh run on " + name : "and on " + name).c_str(), added * 1e3,
                added / floating);
  }
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  try {
    std::vector<std::string> networks(argv + 1, argv + argc);
    if (networks.empty()) networks = {"vgg16", "resnet50"};
    for (const std::string& network : networks) syncopate::compare(network);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
