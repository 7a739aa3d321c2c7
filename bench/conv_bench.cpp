// A 3x3 convolution of training, outputs and both gradients, on one thread: in f32 by minimal
// filtering (winograd), in bf16 as one matrix product (patches), and as libtorch computes it
// (direct). Results are compared before they are timed.
//
//   conv_bench [--benchmark_filter=...]
//
// Arguments: channels in, channels out, side of the picture; 128 pictures. GFLOP/s count direct
// sums in both.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/types.h>

#include <vector>

#include "base/restart.h"
#include "train/operators.h"

namespace {

using torch::Tensor;

struct Layer {
  Layer(const benchmark::State& state, torch::ScalarType type)
      : x(torch::randn({128, state.range(0), state.range(2), state.range(2)})
              .to(type)
              .contiguous(torch::MemoryFormat::ChannelsLast)),
        w(torch::randn({state.range(1), state.range(0), 3, 3}).to(type)) {
    x.set_requires_grad(true);
    w.set_requires_grad(true);
  }

  template <class Convolve>
  void step(const Convolve& convolve) {
    x.mutable_grad().reset();
    w.mutable_grad().reset();
    const Tensor y = convolve(x, w);
    if (!weights.defined()) weights = torch::randn_like(y);
    y.backward(weights);
  }

  Tensor x, w, weights;
};

Tensor direct(const Tensor& x, const Tensor& w) {
  return torch::convolution(x, w, {}, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1);
}

bool close(const Tensor& a, const Tensor& b) {
  const double tolerance = a.scalar_type() == torch::kBFloat16 ? 1e-2 : 1e-4;
  return ((a - b).abs().max() < tolerance * b.abs().max()).item<bool>();
}

template <class Convolve>
void run(benchmark::State& state, torch::ScalarType type, const Convolve& convolve) {
  at::set_num_threads(1);
  Layer layer(state, type);
  layer.step(direct);
  const Tensor dx = layer.x.grad(), dw = layer.w.grad();
  layer.step(convolve);
  if (!close(layer.x.grad(), dx) || !close(layer.w.grad(), dw) ||
      !close(convolve(layer.x, layer.w), direct(layer.x, layer.w))) {
    state.SkipWithError("results differ");
    return;
  }
  for (auto _ : state) layer.step(convolve);
  const double products = 3.0 * 9 * 128 * static_cast<double>(state.range(2) * state.range(2)) *
                          static_cast<double>(state.range(0) * state.range(1));
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * products, benchmark::Counter::kIsIterationInvariantRate);
}

void BM_winograd(benchmark::State& state) {
  run(state, torch::kFloat, syncopate::train::rules::winograd_conv);
}
void BM_direct(benchmark::State& state) { run(state, torch::kFloat, direct); }
void BM_patches_bf16(benchmark::State& state) {
  run(state, torch::kBFloat16, syncopate::train::rules::patch_conv);
}
void BM_direct_bf16(benchmark::State& state) { run(state, torch::kBFloat16, direct); }

void layers(benchmark::internal::Benchmark* bench) {
  for (const auto& layer : {std::vector<std::int64_t>{16, 16, 32},
                            {32, 32, 16},
                            {64, 64, 8},
                            {64, 64, 32},
                            {64, 128, 16},
                            {256, 256, 8},
                            {512, 512, 4},
                            {512, 512, 2}}) {
    bench->Args(layer);
  }
  bench->Unit(benchmark::kMillisecond);
}
BENCHMARK(BM_winograd)->Apply(layers);
BENCHMARK(BM_direct)->Apply(layers);
BENCHMARK(BM_patches_bf16)->Apply(layers);
BENCHMARK(BM_direct_bf16)->Apply(layers);

}  // namespace

int main(int argc, char** argv) {
  syncopate::restart_tuned(argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
