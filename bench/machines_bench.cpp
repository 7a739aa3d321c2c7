// Compilation and counting of a VGG-16-shaped network on every registered accelerator. Weights and
// activations are synthetic, at the densities of Deep Compression (VGG-16, Han 2015).
#include <benchmark/benchmark.h>

#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/random.h"
#include "gconv/chain.h"
#include "sim/layer_data.h"

namespace syncopate {
namespace {

struct Shape2d {
  std::int64_t size, ins, outs, kernel;
  double weight_density, neuron_density;
};

constexpr Shape2d kVgg16[] = {
    {224, 3, 64, 3, .58, 1.0},   {224, 64, 64, 3, .22, .53},    {112, 64, 128, 3, .34, .89},
    {112, 128, 128, 3, .36, .8}, {56, 128, 256, 3, .53, .81},   {56, 256, 256, 3, .24, .68},
    {56, 256, 256, 3, .42, .7},  {28, 256, 512, 3, .32, .64},   {28, 512, 512, 3, .27, .51},
    {28, 512, 512, 3, .34, .45}, {14, 512, 512, 3, .35, .34},   {14, 512, 512, 3, .29, .32},
    {14, 512, 512, 3, .36, .29}, {1, 25088, 4096, 1, .04, .19}, {1, 4096, 4096, 1, .04, .38},
    {1, 4096, 1000, 1, .23, .42}};

/// Random values, zero except with probability `density`; 16 random bits decide.
Tensor sparse(std::int64_t elements, double density, Random& random) {
  Tensor tensor = Tensor::uninitialized(DType::i16, {elements});
  const auto limit = static_cast<std::uint64_t>(density * 65536);
  std::uint64_t bits = 0;
  int left = 0;
  for (std::int16_t& value : tensor.mutable_data<std::int16_t>()) {
    if (left == 0) {
      bits = random.bits();
      left = 4;
    }
    value =
        (bits & 0xffff) < limit ? static_cast<std::int16_t>(1 + (bits & 0x3ff)) : std::int16_t{0};
    bits >>= 16;
    --left;
  }
  return tensor;
}

std::string name_of_tensor(char kind, const std::string& id) {
  return fmt::format("{}{}", kind, id);
}

/// The network as independent layers.
struct Network {
  gconv::Chain chain;
  std::map<std::string, Tensor> values;
  std::vector<std::unique_ptr<sim::LayerData>> layers;

  Network() {
    Random random(1);
    chain.name = "vgg16-shaped";
    chain.quantized = chain.synthetic = true;
    chain.weight_bits = chain.activation_bits = 16;
    for (std::size_t i = 0; i < std::size(kVgg16); ++i) add(kVgg16[i], std::to_string(i), random);
    for (const gconv::GConv& g : chain.gconvs) {
      layers.push_back(std::make_unique<sim::LayerData>(chain, g, map::loops_of(chain, g)));
      layers.back()->set_activations(
          [this](const std::string& name) -> const Tensor& { return values.at(name); });
    }
  }

  void add(const Shape2d& s, const std::string& id, Random& random) {
    gconv::GConv g;
    g.name = fmt::format("conv{}", id);
    g.layer = g.name;
    g.channel = std::string("C");
    const std::int64_t k2 = s.kernel * s.kernel;
    gconv::Dim c{"C"};
    c.nop = s.outs;
    c.nks = c.nips = s.ins;
    g.dims = {c};
    for (const char* name : {"H", "W"}) {
      gconv::Dim d{name};
      d.nopc = d.nips = s.size;
      d.nks = s.kernel;
      d.pad = s.kernel / 2;
      g.dims.push_back(d);
    }
    g.main = gconv::Main::mul;
    g.reduce = gconv::Reduce::add;
    g.input = {name_of_tensor('x', id), 0, {1, s.size * s.ins, s.ins}};
    g.output = {name_of_tensor('y', id), 0, {1, s.size * s.outs, s.outs}};
    g.kernel = gconv::View{name_of_tensor('w', id), 0, {k2, s.kernel, 1}};
    g.fixed = gconv::FixedPost{{1}, {0}, {16}, 0, 32767, nullptr};
    const auto put = [&](const std::string& name, std::int64_t elements, double density) {
      values[name] = sparse(elements, density, random);
      gconv::TensorInfo info;
      info.elements = elements;
      info.dtype = DType::i16;
      info.scale = 1;
      chain.tensors[name] = info;
    };
    put(name_of_tensor('x', id), s.size * s.size * s.ins, s.neuron_density);
    put(name_of_tensor('y', id), s.size * s.size * s.outs, 0.5);
    put(name_of_tensor('w', id), s.outs * s.ins * k2, s.weight_density);
    chain.tensors[name_of_tensor('w', id)].constant = values[name_of_tensor('w', id)];
    chain.gconvs.push_back(g);
  }
};

const Network& network() {
  static const Network instance;
  return instance;
}

/// Weight masks are shared by all machines of a run, so they are built first.
void compile(benchmark::State& state, const sim::Accelerator* accelerator) {
  const Network& net = network();
  const arch::Spec spec = accelerator->spec({});
  for (const auto& layer : net.layers) static_cast<void>(layer->weight_bits());
  std::size_t instructions = 0;
  for (auto _ : state) instructions = accelerator->compile(net.chain, spec).code.size();
  state.counters["instructions"] = static_cast<double>(instructions);
}

void count(benchmark::State& state, const sim::Accelerator* accelerator) {
  const Network& net = network();
  const arch::Spec spec = accelerator->spec({});
  const sim::Program program = accelerator->compile(net.chain, spec);
  const auto machine = accelerator->machine(spec);
  for (const auto& layer : net.layers) static_cast<void>(layer->input_bits());
  std::int64_t cycles = 0, pairs = 0, tiles = 0;
  for (auto _ : state) {
    cycles = pairs = tiles = 0;
    for (std::size_t i = 0; i < net.layers.size(); ++i) {
      const auto run = machine->open(program, i, *net.layers[i]);
      const sim::Stats total = run->count({});
      cycles += total.cycles;
      pairs += total.pairs_required;
      tiles += run->tiles();
    }
  }
  std::int64_t required = 0;
  for (const auto& layer : net.layers) required += layer->loops().pairs();
  if (pairs != required) broken("{} counted {} pairs of {}", accelerator->name, pairs, required);
  state.counters["cycles"] = static_cast<double>(cycles);
  state.counters["tiles"] = static_cast<double>(tiles);
}

/// Simulated MACs a second of the clocked engine, on tiles of a convolution in the middle.
void clock(benchmark::State& state, const sim::Accelerator* accelerator) {
  const Network& net = network();
  const arch::Spec spec = accelerator->spec({});
  const sim::Program program = accelerator->compile(net.chain, spec);
  const auto machine = accelerator->machine(spec);
  const std::size_t layer = 8;
  const auto run = machine->open(program, layer, *net.layers[layer]);
  for (std::int64_t i = 0; i < run->tiles(); i += 97) {
    if (!(run->clock(i).result == run->count_tile(i)))
      broken("{}: engines differ", accelerator->name);
  }
  std::int64_t next = 0;
  std::int64_t pairs = 0;
  for (auto _ : state) {
    const sim::ClockedTile tile = run->clock(next);
    pairs += tile.result.stats.pairs_required;
    next = (next + 97) % run->tiles();
  }
  state.counters["macs_per_second"] =
      benchmark::Counter(static_cast<double>(pairs), benchmark::Counter::kIsRate);
}

void masks(benchmark::State& state) {
  const Network& net = network();
  for (auto _ : state) {
    for (const gconv::GConv& g : net.chain.gconvs) {
      const map::Loops loops = map::loops_of(net.chain, g);
      const sim::Weights weights(*net.chain.tensor(g.kernel->tensor).constant,
                                 map::kernel_strides(net.chain, g), loops);
      benchmark::DoNotOptimize(weights.bits().data.data());
    }
  }
}

}  // namespace
}  // namespace syncopate

int main(int argc, char** argv) {
  using benchmark::RegisterBenchmark;
  RegisterBenchmark("weight_masks", syncopate::masks)
      ->Unit(benchmark::kMillisecond)
      ->MeasureProcessCPUTime()
      ->UseRealTime();
  for (const syncopate::sim::Accelerator* accelerator : syncopate::accel::all()) {
    const std::string name(accelerator->name);
    RegisterBenchmark(fmt::format("compile/{}", name).c_str(), syncopate::compile, accelerator)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
    RegisterBenchmark(fmt::format("count/{}", name).c_str(), syncopate::count, accelerator)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
    RegisterBenchmark(fmt::format("clock/{}", name).c_str(), syncopate::clock, accelerator)
        ->Unit(benchmark::kMicrosecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
