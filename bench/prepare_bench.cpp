// What a fresh run does apart from its machines, phase by phase, beside one float inference of the
// same network: lowering, calibration, quantization, passes, packing, fixed-point inference. The
// network is built anew each round, so no phase finds anything prepared. Float and fixed point must
// agree on the best class. Beside the time that passes stands the time of all threads together,
// which other work on the machine disturbs less.
//
//   prepare_bench [network...]    default: vgg16 resnet50

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/restart.h"
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

/// Seconds that pass, and seconds of all threads.
struct Time {
  double wall = 1e9, threads = 1e9;

  static Time now() {
    const auto seconds = [](clockid_t clock) {
      timespec time{};
      clock_gettime(clock, &time);
      return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    };
    return {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
  }
  void keep_least(const Time& other) {
    wall = std::min(wall, other.wall);
    threads = std::min(threads, other.threads);
  }
};
using Times = std::array<Time, kPhases.size()>;

template <class Work>
auto timed(Time& time, Work&& work) {
  struct Watch {
    Time& time;
    Time start = Time::now();
    ~Watch() {
      const Time end = Time::now();
      time = {end.wall - start.wall, end.threads - start.threads};
    }
  } const watch{time};
  return work();
}

std::size_t best_class(const Tensor& scores) {
  const auto values = scores.data<float>();
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

Time float_time(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  const ref::FloatNet net(graph);
  Time best;
  for (int i = 0; i < 5; ++i) {
    Time time;
    timed(time, [&] { return net.run(inputs); });
    best.keep_least(time);
  }
  return best;
}

Times round(const std::string& network) {
  Times times{};
  std::optional<ir::Graph> graph = zoo::network(network);
  const std::vector<Tensor> inputs{zoo::smooth_picture(graph->value(graph->inputs[0]).shape, 1)};
  times[0] = float_time(*graph, inputs);
  gconv::Chain floating = timed(times[1], [&] { return gconv::lower(*graph); });
  const std::vector<std::vector<Tensor>> all{inputs};
  const ref::Calibration calibration =
      timed(times[2], [&] { return ref::calibrate(*graph, floating, all); });
  timed(times[7], [&] { graph.reset(); });
  gconv::Chain chain =
      timed(times[3], [&] { return gconv::quantize(floating, calibration.ranges, {}); });
  chain = timed(times[4], [&] { return gconv::optimize(chain); });
  const ref::FixedNet net = timed(times[5], [&] { return ref::FixedNet(chain, ref::Runs::once); });
  const std::vector<Tensor> outputs = timed(times[6], [&] { return net.run(inputs); });
  if (best_class(net.dequantize(outputs)[0]) != best_class(calibration.outputs[0][0])) {
    broken("{}: float and fixed point disagree", network);
  }
  return times;
}

void print(const char* phase, const Time& time, const Time& floating) {
  std::printf("  %-28s %7.1f ms %5.2fx  threads %7.1f ms %5.2fx\n", phase, time.wall * 1e3,
              time.wall / floating.wall, time.threads * 1e3, time.threads / floating.threads);
}

void report(const std::string& network) {
  Times best;
  for (int i = 0; i < kRounds; ++i) {
    const Times times = round(network);
    for (std::size_t p = 0; p < times.size(); ++p) best[p].keep_least(times[p]);
  }
  std::printf("%s\n", network.c_str());
  Time sum{0, 0};
  for (std::size_t p = 0; p < best.size(); ++p) {
    print(kPhases[p], best[p], best[0]);
    if (p == 0) continue;
    sum.wall += best[p].wall;
    sum.threads += best[p].threads;
  }
  print("all but the first", sum, best[0]);
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
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
