// Fixed-point inference beside float inference of the same network, in one process: answers are
// checked first, then both are timed alternately, and the ratio is what counts.

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "base/restart.h"
#include "gconv/lower.h"
#include "gconv/passes.h"
#include "gconv/quantize.h"
#include "ref/calibrate.h"
#include "ref/compare.h"
#include "ref/fixed_net.h"
#include "ref/float_net.h"
#include "zoo/networks.h"

namespace {

using namespace syncopate;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A network made ready in both forms.
struct Case {
  ir::Graph graph;
  std::vector<Tensor> inputs;
  gconv::Chain chain;
  std::unique_ptr<ref::FloatNet> floating;
  std::unique_ptr<ref::FixedNet> fixed;
  double calibrate_seconds = 0, quantize_seconds = 0, pack_seconds = 0;
};

Tensor picture(const Shape& shape) {
  Tensor result(DType::f32, shape);
  Random random(1);
  for (float& value : result.mutable_data<float>()) {
    value = static_cast<float>(random.normal());
  }
  return result;
}

std::unique_ptr<Case> prepare(const std::string& name, int bits) {
  auto result = std::make_unique<Case>();
  result->graph = zoo::network(name);
  for (const ir::ValueId input : result->graph.inputs) {
    result->inputs.push_back(picture(result->graph.value(input).shape));
  }
  const gconv::Chain lowered = gconv::lower(result->graph);
  Clock::time_point start = Clock::now();
  const ref::Calibration calibration =
      ref::calibrate(result->graph, lowered, std::span(&result->inputs, 1));
  result->calibrate_seconds = seconds_since(start);
  start = Clock::now();
  result->chain = gconv::optimize(gconv::quantize(lowered, calibration.ranges, {bits, bits}));
  result->quantize_seconds = seconds_since(start);
  start = Clock::now();
  result->fixed = std::make_unique<ref::FixedNet>(result->chain);
  result->pack_seconds = seconds_since(start);
  result->floating = std::make_unique<ref::FloatNet>(result->graph);
  return result;
}

/// The answers must agree before anything is timed.
bool answers_agree(const Case& one, int bits) {
  const std::vector<Tensor> reference = one.floating->run(one.inputs);
  const std::vector<Tensor> fixed = one.fixed->dequantize(one.fixed->run(one.inputs));
  const double snr = ref::error_of(fixed.at(0), reference.at(0)).snr_db;
  return snr > (bits == 16 ? 50 : 5);
}

void compare(benchmark::State& state, const std::string& name, int bits) {
  const std::unique_ptr<Case> one = prepare(name, bits);
  if (!answers_agree(*one, bits)) {
    state.SkipWithError("fixed point and float give different answers");
    return;
  }
  double fixed_seconds = 1e9;
  double float_seconds = 1e9;
  for (auto _ : state) {
    Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(one->floating->run(one->inputs));
    float_seconds = std::min(float_seconds, seconds_since(start));
    start = Clock::now();
    benchmark::DoNotOptimize(one->fixed->run(one->inputs));
    const double elapsed = seconds_since(start);
    fixed_seconds = std::min(fixed_seconds, elapsed);
    state.SetIterationTime(elapsed);
  }
  state.counters["float_ms"] = float_seconds * 1e3;
  state.counters["fixed_ms"] = fixed_seconds * 1e3;
  state.counters["ratio"] = fixed_seconds / float_seconds;
  state.counters["calibrate_ms"] = one->calibrate_seconds * 1e3;
  state.counters["quantize_ms"] = one->quantize_seconds * 1e3;
  state.counters["pack_ms"] = one->pack_seconds * 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  for (const char* name : {"vgg16", "resnet50", "alexnet", "squeezenet", "resnet20"}) {
    for (const int bits : {16, 8}) {
      benchmark::RegisterBenchmark(fmt::format("{}/{}", name, bits).c_str(), compare,
                                   std::string(name), bits)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
