// Float inference of well-known networks, batch 1. Answers are checked first: a small network of
// the same operators against plain loops, and the large ones for finite, repeatable outputs.
//
//   float_bench [--benchmark_filter=vgg16]
//   float_bench --export=DIR      Writes NAME.onnx, NAME.input.f32 and NAME.output.f32 (raw floats)
//                                 of every network, for compare_onnxruntime.py.

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <limits>
#include <map>
#include <memory>

#include "base/random.h"
#include "base/restart.h"
#include "onnx/export.h"
#include "ref/float_net.h"
#include "zoo/networks.h"

namespace syncopate {
namespace {

/// A network ready to run, made on first use.
struct Prepared {
  ir::Graph graph;
  std::vector<Tensor> inputs;
  std::unique_ptr<ref::FloatNet> net;
};

Tensor random_input(const Shape& shape) {
  Random random(7);
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

void check_answers(const Prepared& prepared) {
  const Tensor first = prepared.net->run(prepared.inputs).at(0);
  double size = 0;
  for (float value : first.data<float>()) {
    if (!std::isfinite(value)) broken("{} answers with NaN or infinity", prepared.graph.name);
    size += std::abs(static_cast<double>(value));
  }
  if (size == 0) broken("{} answers with zeros", prepared.graph.name);
  if (!(prepared.net->run(prepared.inputs).at(0) == first)) {
    broken("{} answers differently the second time", prepared.graph.name);
  }
}

const Prepared& prepared(const zoo::Entry& entry) {
  static std::map<std::string_view, Prepared> cache;
  auto [found, fresh] = cache.try_emplace(entry.name);
  Prepared& result = found->second;
  if (fresh) {
    cache.erase(cache.begin(), found);
    result.graph = entry.build(1, 1);
    result.inputs = {random_input(result.graph.value(result.graph.inputs[0]).shape)};
    result.net = std::make_unique<ref::FloatNet>(result.graph);
    check_answers(result);
  }
  return result;
}

/// Observing every value takes unfused paths through the same operators: outputs must agree.
void check_small_network() {
  const ir::Graph graph = zoo::resnet20();
  const std::vector<Tensor> inputs{random_input({1, 3, 32, 32})};
  std::set<std::string> all;
  for (const ir::Node& node : graph.nodes) all.insert(graph.value(node.outputs[0]).name);
  const Tensor fused = ref::FloatNet(graph).run(inputs).at(0);
  const Tensor plain = ref::FloatNet(graph, all).run(inputs).at(0);
  for (std::size_t i = 0; i < fused.data<float>().size(); ++i) {
    const double a = fused.data<float>()[i], b = plain.data<float>()[i];
    if (!(std::abs(a - b) <= 1e-3 * std::max(1.0, std::abs(b)))) {
      broken("fused and unfused inference differ: {} and {}", a, b);
    }
  }
}

void inference(benchmark::State& state, const zoo::Entry& entry) {
  const Prepared& network = prepared(entry);
  using Clock = std::chrono::steady_clock;
  double fastest = std::numeric_limits<double>::infinity(), fastest_cpu = fastest;
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    const std::clock_t cpu_start = std::clock();
    benchmark::DoNotOptimize(network.net->run(network.inputs));
    fastest_cpu = std::min(fastest_cpu, static_cast<double>(std::clock() - cpu_start));
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
  }
  state.counters["fastest_ms"] = fastest * 1e3;
  state.counters["fastest_cpu_ms"] = fastest_cpu / CLOCKS_PER_SEC * 1e3;
  std::int64_t macs = 0;
  for (const ir::Node& node : network.graph.nodes) macs += ir::macs_of(network.graph, node);
  state.counters["GMAC/s"] = benchmark::Counter(static_cast<double>(macs) * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void packing(benchmark::State& state, const zoo::Entry& entry) {
  const Prepared& network = prepared(entry);
  for (auto _ : state) benchmark::DoNotOptimize(ref::FloatNet(network.graph));
}

void observing_ranges(benchmark::State& state, const zoo::Entry& entry) {
  const Prepared& network = prepared(entry);
  std::set<std::string> all;
  for (const ir::Node& node : network.graph.nodes) {
    all.insert(network.graph.value(node.outputs[0]).name);
  }
  const ref::FloatNet net(network.graph, all);
  for (auto _ : state) {
    double sum = 0;
    net.run_ranges(network.inputs,
                   [&](const std::string&, float largest) { sum += static_cast<double>(largest); });
    benchmark::DoNotOptimize(sum);
  }
}

void write_floats(const std::string& path, const Tensor& tensor) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(tensor.raw().data()),
             static_cast<std::streamsize>(tensor.bytes()));
  if (!file) fail("cannot write '{}'", path);
}

void export_all(const std::string& folder) {
  for (const zoo::Entry& entry : zoo::networks()) {
    const Prepared& network = prepared(entry);
    const std::string stem = fmt::format("{}/{}", folder, entry.name);
    onnx::export_file(network.graph, stem + ".onnx");
    write_floats(stem + ".input.f32", network.inputs.at(0));
    write_floats(stem + ".output.f32", network.net->run(network.inputs).at(0));
  }
}

void register_all() {
  const auto add = [](const char* what, auto* body) {
    for (const zoo::Entry& entry : zoo::networks()) {
      benchmark::RegisterBenchmark(fmt::format("{}/{}", what, entry.name).c_str(),
                                   [body, entry](benchmark::State& state) { body(state, entry); })
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
  };
  add("inference", inference);
  add("observing_ranges", observing_ranges);
  add("packing", packing);
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  try {
    constexpr std::string_view kExport = "--export=";
    if (argc == 2 && std::string_view(argv[1]).starts_with(kExport)) {
      syncopate::export_all(argv[1] + kExport.size());
      return 0;
    }
    syncopate::check_small_network();
    syncopate::register_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "float_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
