// Cycles, time and DRAM traffic of the convolutions of AlexNet (two towers) and VGG-16 on one
// machine, at the densities of Han 2015: what the papers of some machines report of them.
//
//   convolutions_bench MACHINE [--batch N] [--structure fine|patterns|groups] [KEY=VALUE...]
//
// Weights and activations are random; channels differ in density. `patterns`: kernels larger than
// 1x1 have one of 6 masks of a layer that keep 4 of 9 positions, whatever the table says. `groups`:
// 128 outputs share a mask, at the table's density.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "accel/registry.h"
#include "base/error.h"
#include "base/random.h"
#include "gconv/chain.h"
#include "sim/layer_data.h"
#include "sim/memory.h"
#include "sim/timeline.h"
#include "zoo/densities.h"
#include "zoo/synthetic.h"

namespace {

using namespace syncopate;

/// A convolution: M outputs and N inputs per group, input size, kernel, stride, padding.
struct Shape {
  std::int64_t groups, outs, ins, size, kernel, stride, pad;
};
struct Published {
  const char* name;
  std::vector<Shape> layers;
};

const Published kNetworks[] = {{"alexnet",
                                {{1, 96, 3, 227, 11, 4, 0},
                                 {2, 128, 48, 27, 5, 1, 2},
                                 {1, 384, 256, 13, 3, 1, 1},
                                 {2, 192, 192, 13, 3, 1, 1},
                                 {2, 128, 192, 13, 3, 1, 1}}},
                               {"vgg16",
                                {{1, 64, 3, 224, 3, 1, 1},
                                 {1, 64, 64, 224, 3, 1, 1},
                                 {1, 128, 64, 112, 3, 1, 1},
                                 {1, 128, 128, 112, 3, 1, 1},
                                 {1, 256, 128, 56, 3, 1, 1},
                                 {1, 256, 256, 56, 3, 1, 1},
                                 {1, 256, 256, 56, 3, 1, 1},
                                 {1, 512, 256, 28, 3, 1, 1},
                                 {1, 512, 512, 28, 3, 1, 1},
                                 {1, 512, 512, 28, 3, 1, 1},
                                 {1, 512, 512, 14, 3, 1, 1},
                                 {1, 512, 512, 14, 3, 1, 1},
                                 {1, 512, 512, 14, 3, 1, 1}}}};

struct Options {
  const sim::Accelerator* accelerator = nullptr;
  std::int64_t batch = 1;
  std::string structure = "fine";
  Params params;
};

std::int16_t value(Random& random) { return static_cast<std::int16_t>(random.integer(1, 1000)); }

Tensor activations(std::int64_t batch, std::int64_t size, std::int64_t channels, double density,
                   Random& random) {
  const auto spread = density < 1 ? zoo::spread_densities(random, channels, density, 4)
                                  : std::vector<double>(static_cast<std::size_t>(channels), 1.0);
  Tensor tensor(DType::i16, {batch * size * size * channels});
  std::size_t i = 0;
  for (std::int16_t& v : tensor.mutable_data<std::int16_t>()) {
    if (random.chance(spread[i++ % spread.size()])) v = value(random);
  }
  return tensor;
}

/// [out][in][position]
Tensor weights(const Shape& s, double density, const std::string& structure, Random& random) {
  const std::int64_t outs = s.groups * s.outs, kernel = s.kernel * s.kernel;
  Tensor tensor(DType::i16, {outs * s.ins * kernel});
  const auto data = tensor.mutable_data<std::int16_t>();
  std::vector<std::vector<bool>> masks;  // Patterns of the layer.
  while (masks.size() < 6) {
    std::vector<bool>& mask = masks.emplace_back(static_cast<std::size_t>(kernel));
    for (std::int64_t kept = 0; kept < (kernel * 4 + 8) / 9;) {
      auto at = mask[static_cast<std::size_t>(random.integer(0, kernel - 1))];
      kept += !at;
      at = true;
    }
  }
  std::vector<bool> shared(static_cast<std::size_t>(s.ins * kernel));
  for (std::int64_t out = 0; out < outs; ++out) {
    if (out % s.outs % 128 == 0) {
      for (std::size_t i = 0; i < shared.size(); ++i) shared[i] = random.chance(density);
    }
    for (std::int64_t in = 0; in < s.ins; ++in) {
      const auto& mask = masks[static_cast<std::size_t>(random.integer(0, 5))];
      for (std::int64_t k = 0; k < kernel; ++k) {
        const bool kept = structure == "patterns" && kernel > 1 ? mask[static_cast<std::size_t>(k)]
                          : structure == "groups"
                              ? shared[static_cast<std::size_t>(in * kernel + k)]
                              : random.chance(density);
        if (kept) data[static_cast<std::size_t>((out * s.ins + in) * kernel + k)] = value(random);
      }
    }
  }
  return tensor;
}

gconv::GConv convolution(const Shape& s, std::int64_t batch, std::int64_t size) {
  const std::int64_t kernel = s.kernel * s.kernel, ci = s.groups * s.ins, co = s.groups * s.outs;
  gconv::GConv g;
  g.name = g.layer = std::string("conv");
  g.channel = std::string("C");
  gconv::Dim b{"B"};
  b.nopc = b.nips = batch;
  gconv::Dim c{"C"};
  c.ng = s.groups;
  c.nop = s.outs;
  c.nks = c.nips = s.ins;
  g.dims = {b, c};
  for (const char* name : {"H", "W"}) {
    gconv::Dim d{name};
    d.nopc = size;
    d.nips = s.size;
    d.nks = s.kernel;
    d.stride = s.stride;
    d.pad = s.pad;
    g.dims.push_back(d);
  }
  g.main = gconv::Main::mul;
  g.reduce = gconv::Reduce::add;
  g.input = {"x", 0, {s.size * s.size * ci, 1, s.size * ci, ci}};
  g.output = {"y", 0, {size * size * co, 1, size * co, co}};
  g.kernel = gconv::View{"w", 0, {0, kernel, s.kernel, 1}};
  g.fixed = gconv::FixedPost{{1}, {0}, {16}, 0, 32767, nullptr};
  return g;
}

struct Totals {
  double cycles = 0, with_memory = 0, bytes = 0;
};

/// One layer; adds to the totals.
void run(const Options& options, const arch::Spec& spec, const Shape& s, double input,
         const zoo::LayerDensity& density, Random& random, Totals& totals) {
  const std::int64_t size = (s.size + 2 * s.pad - s.kernel) / s.stride + 1;
  std::map<std::string, Tensor> values;
  values["x"] = activations(options.batch, s.size, s.groups * s.ins, input, random);
  values["y"] = activations(options.batch, size, s.groups * s.outs, density.output, random);
  values["w"] = weights(s, density.weights, options.structure, random);
  gconv::Chain chain;
  chain.name = "conv";
  chain.quantized = chain.synthetic = true;
  chain.weight_bits = chain.activation_bits = 16;
  chain.gconvs = {convolution(s, options.batch, size)};
  for (const auto& [name, tensor] : values) {
    gconv::TensorInfo info;
    info.elements = static_cast<std::int64_t>(tensor.data<std::int16_t>().size());
    info.dtype = DType::i16;
    info.scale = 1;
    chain.tensors[name] = info;
  }
  chain.tensors["w"].constant = values["w"];
  sim::LayerData data(chain, chain.gconvs[0], map::loops_of(chain, chain.gconvs[0]));
  data.set_activations([&](const std::string& name) -> const Tensor& { return values.at(name); });

  const sim::Program program = options.accelerator->compile(chain, spec);
  const auto machine = options.accelerator->machine(spec);
  const auto memory = sim::make_memory(spec.dram, spec.clock_mhz);
  const auto layer = machine->open(program, 0, data);
  const sim::LayerTime time = sim::Timeline(spec, *memory).add_layer(*layer);
  const double images = static_cast<double>(options.batch);
  const double cycles = static_cast<double>(time.compute_cycles) / images;
  const double waited = static_cast<double>(time.end - time.begin) / images;
  const double bytes = static_cast<double>(time.stats.dram_bytes()) / images;
  const double peak = cycles * images * spec.multipliers();
  std::printf("  %-8s %11.0f cycles %11.0f with memory, %6.2f MB, %5.1f %% work\n",
              density.layer.c_str(), cycles, waited, bytes / 1e6,
              100 * static_cast<double>(time.stats[sim::Cause::work]) / peak);
  totals.cycles += cycles;
  totals.with_memory += waited;
  totals.bytes += bytes;
}

void run(const Options& options, const Published& network) {
  const arch::Spec spec = options.accelerator->spec(options.params);
  const std::vector<zoo::LayerDensity> table = zoo::densities("han2015", network.name);
  Random random(1);
  Totals totals;
  std::printf("%s on %s, per image in a batch of %lld, weights %s\n", network.name,
              spec.machine.c_str(), static_cast<long long>(options.batch),
              options.structure.c_str());
  double input = 1;  // Density; the picture has no zeros.
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    run(options, spec, network.layers[i], input, table[i], random, totals);
    input = table[i].output;
  }
  const double rate = 1e6 * static_cast<double>(spec.clock_mhz);
  std::printf("  total    %11.0f cycles %11.0f with memory, %6.2f MB; %.1f and %.1f images/s\n",
              totals.cycles, totals.with_memory, totals.bytes / 1e6, rate / totals.cycles,
              rate / totals.with_memory);
}

Options parse(int argc, char** argv) {
  Options options;
  std::vector<std::string> settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--batch" && more) {
      options.batch = std::max(1, std::atoi(argv[++i]));
    } else if (word == "--structure" && more) {
      options.structure = argv[++i];
    } else if (word.find('=') != std::string::npos) {
      settings.push_back(word);
    } else {
      for (const sim::Accelerator* accelerator : accel::all()) {
        if (accelerator->name == word) options.accelerator = accelerator;
      }
      if (options.accelerator == nullptr) fail("no machine is called '{}'", word);
    }
  }
  if (options.accelerator == nullptr) fail("convolutions_bench: name a machine");
  options.params = Params::from_words(settings);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    for (const Published& network : kNetworks) run(options, network);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
