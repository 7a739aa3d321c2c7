// What a fresh run does apart from its machines, phase by phase, beside one float inference of the
// same network: lowering, calibration, quantization, passes, packing, fixed-point inference. The
// network is built anew each round, so no phase finds anything prepared. Float and fixed point must
// agree on the best class.
//
//   prepare_bench [network...]    default: vgg16 resnet50

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "ref/calibrate.h"
#include "ref/compare.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"
#include "zoo/networks.h"
#include "zoo/synthetic.h"

namespace syncopate {
namespace {

constexpr int kRounds = 5;
constexpr std::array kPhases{"float",    "lower", "calibrate",   "quantize",
                             "optimize", "build", "fixed point", "dropping the float network"};
using Times = std::array<double, kPhases.size()>;

template <class Work>
auto timed(double& seconds, Work&& work) {
  struct Watch {
    double& seconds;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    ~Watch() {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      seconds = spent.count();
    }
  } const watch{seconds};
  return work();
}

std::size_t best_class(const Tensor& scores) {
  const auto values = scores.data<float>();
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

double float_seconds(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  const ref::FloatNet net(graph);
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    double seconds = 0;
    timed(seconds, [&] { return net.run(inputs); });
    best = std::min(best, seconds);
  }
  return best;
}

Times round(const std::string& network) {
  Times times{};
  std::optional<ir::Graph> graph = zoo::network(network);
  const std::vector<Tensor> inputs{zoo::smooth_picture(graph->value(graph->inputs[0]).shape, 1)};
  times[0] = float_seconds(*graph, inputs);
  gconv::Chain floating = timed(times[1], [&] { return gconv::lower(*graph); });
  const std::vector<std::vector<Tensor>> all{inputs};
  const ref::Calibration calibration =
      timed(times[2], [&] { return ref::calibrate(*graph, floating, all); });
  timed(times[7], [&] { graph.reset(); });
  gconv::Chain chain =
      timed(times[3], [&] { return gconv::quantize(floating, calibration.ranges, {}); });
  chain = timed(times[4], [&] { return gconv::optimize(chain); });
  const ref::FixedNet net = timed(times[5], [&] { return ref::FixedNet(chain); });
  const std::vector<Tensor> outputs = timed(times[6], [&] { return net.run(inputs); });
  if (best_class(net.dequantize(outputs)[0]) != best_class(calibration.outputs[0][0])) {
    broken("{}: float and fixed point disagree", network);
  }
  return times;
}

void report(const std::string& network) {
  Times best;
  best.fill(1e9);
  for (int i = 0; i < kRounds; ++i) {
    const Times times = round(network);
    for (std::size_t p = 0; p < times.size(); ++p) best[p] = std::min(best[p], times[p]);
  }
  std::printf("%s\n", network.c_str());
  double sum = 0;
  for (std::size_t p = 0; p < best.size(); ++p) {
    std::printf("  %-28s %7.1f ms  %5.2fx\n", kPhases[p], best[p] * 1e3, best[p] / best[0]);
    if (p > 0) sum += best[p];
  }
  std::printf("  %-28s %7.1f ms  %5.2fx\n", "all but the first", sum * 1e3, sum / best[0]);
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  syncopate::restart_with_patient_threads(argv);
  try {
    std::vector<std::string> networks(argv + 1, argv + argc);
    if (networks.empty()) networks = {"vgg16", "resnet50"};
    for (const std::string& network : networks) syncopate::report(network);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "prepare_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
