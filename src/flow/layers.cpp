#include "flow/layers.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/simd.h"
#include "sim/bits.h"

namespace syncopate::flow {
namespace {

std::string extents(const std::array<std::int64_t, 3>& values, int from) {
  std::string out;
  for (std::size_t i = static_cast<std::size_t>(from); i < 3; ++i) {
    out += fmt::format("{}{}", out.empty() ? "" : "x", values[i]);
  }
  return out;
}

/// Counts in numbers as wide as the values, so that vectors hold as many of both.
template <class Count, class T>
[[gnu::always_inline]] inline std::int64_t count_nonzero(const T* values, std::int64_t count) {
  constexpr std::int64_t kRun = std::numeric_limits<Count>::max();
  std::int64_t result = 0;
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = count - begin < kRun ? count : begin + kRun;
    Count run = 0;
    for (std::int64_t i = begin; i < end; ++i) run = static_cast<Count>(run + (values[i] != 0));
    result += run;
  }
  return result;
}

SYNCOPATE_MULTIVERSION
std::int64_t nonzero(const std::int8_t* values, std::int64_t count) {
  return count_nonzero<std::int16_t>(values, count);
}

SYNCOPATE_MULTIVERSION
std::int64_t nonzero(const std::int16_t* values, std::int64_t count) {
  return count_nonzero<std::int16_t>(values, count);
}

SYNCOPATE_MULTIVERSION
std::int64_t nonzero(const float* values, std::int64_t count) {
  return count_nonzero<std::int32_t>(values, count);
}

template <class T>
std::int64_t nonzero(std::span<const T> values) {
  constexpr std::size_t kPiece = 1 << 18;
  return tbb::parallel_reduce(
      tbb::blocked_range<std::size_t>(0, values.size(), kPiece), std::int64_t{0},
      [&](const auto& range, std::int64_t sum) {
        return sum +
               nonzero(values.data() + range.begin(), static_cast<std::int64_t>(range.size()));
      },
      std::plus<>());
}

double density_of(const Tensor& tensor) {
  if (tensor.empty()) return 1;
  std::int64_t count = 0;
  switch (tensor.dtype()) {
    case DType::i8:
      count = nonzero(tensor.data<std::int8_t>());
      break;
    case DType::i16:
      count = nonzero(tensor.data<std::int16_t>());
      break;
    case DType::f32:
      count = nonzero(tensor.data<float>());
      break;
    default:
      return 1;
  }
  return static_cast<double>(count) / static_cast<double>(tensor.size());
}

/// Whether machines keep a mask of all these weights; whoever counts for one builds it.
bool has_mask(const map::Loops& loops, const Tensor& weights) {
  return loops.weights && loops.kind != map::WorkKind::elementwise &&
         loops.groups * loops.outs * loops.kernel_size() * loops.ins == weights.size();
}

double density_of(const sim::BitPlane& mask) {
  const std::int64_t count = sim::count_bits(mask.data.data(), std::ssize(mask.data));
  return static_cast<double>(count) / static_cast<double>(mask.rows * mask.bits);
}

}  // namespace

std::vector<map::Loops> loops_of_all(const gconv::Chain& chain) {
  std::vector<map::Loops> loops;
  for (const gconv::GConv& gconv : chain.gconvs) loops.push_back(map::loops_of(chain, gconv));
  return loops;
}

std::string kind_of(const gconv::GConv& gconv, const map::Loops& loops) {
  const bool volume = loops.kernel[0] != 1 || loops.out[0] != 1 || loops.in[0] != 1;
  const int from = volume ? 0 : 1;
  std::string size = extents(loops.kernel, from);
  if (loops.stride != std::array<std::int64_t, 3>{1, 1, 1}) {
    const std::int64_t stride = *std::max_element(loops.stride.begin(), loops.stride.end());
    size += fmt::format("/{}", stride);
  }
  switch (loops.kind) {
    case map::WorkKind::conv:
      if (loops.kernel_size() == 1 && loops.pixels() == 1) return "fc";
      return loops.groups > 1 ? fmt::format("conv {} g{}", size, loops.groups) : "conv " + size;
    case map::WorkKind::window:
      if (loops.weights) return fmt::format("depthwise {}", size);
      return gconv.reduce == gconv::Reduce::max ? fmt::format("max {}", size)
                                                : fmt::format("sum {}", size);
    case map::WorkKind::elementwise:
      switch (gconv.main) {
        case gconv::Main::add:
          return "add";
        case gconv::Main::sub:
          return "subtract";
        case gconv::Main::mul:
          return "multiply";
        case gconv::Main::none:
          return gconv.fixed ? "map" : "copy";
      }
  }
  broken("{}: unknown kind of work", gconv.name);
}

std::vector<report::NetworkLayer> describe_layers(const gconv::Chain& chain,
                                                  const std::vector<map::Loops>& loops) {
  std::vector<report::NetworkLayer> layers;
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const gconv::GConv& gconv = chain.gconvs[i];
    report::NetworkLayer layer;
    layer.name = gconv.name;
    layer.layer = gconv.layer;
    layer.kind = kind_of(gconv, loops[i]);
    const Shape& shape = chain.tensor(gconv.output.tensor).shape;
    layer.shape = shape.empty() ? fmt::format("{}", loops[i].outputs()) : to_string(shape);
    layer.pairs = loops[i].pairs();
    if (gconv.kernel && chain.tensor(gconv.kernel->tensor).constant) {
      const Tensor& weights = *chain.tensor(gconv.kernel->tensor).constant;
      layer.weights = weights.size();
      if (!has_mask(loops[i], weights)) layer.weight_density = density_of(weights);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

DensityCounter::DensityCounter(std::vector<report::NetworkLayer>& layers)
    : layers_(layers), nonzero_(layers.size(), 0), all_(layers.size(), 0) {}

void DensityCounter::add(std::size_t layer, const sim::LayerData& data) {
  const map::Loops& loops = data.loops();
  const auto& kernel = data.gconv().kernel;
  const bool fresh = all_[layer] == 0;
  if (fresh && kernel && data.chain().tensor(kernel->tensor).constant &&
      has_mask(loops, *data.chain().tensor(kernel->tensor).constant)) {
    layers_[layer].weight_density = density_of(data.weight_bits());
  }
  all_[layer] += std::ssize(data.input());
  if (loops.kind == map::WorkKind::conv) {
    const std::vector<std::uint64_t>& bits = data.input_bits().data;
    nonzero_[layer] += sim::count_bits(bits.data(), std::ssize(bits));
  } else {
    nonzero_[layer] += nonzero(data.input());
  }
}

void DensityCounter::finish() {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (all_[i] == 0) continue;
    layers_[i].input_density = static_cast<double>(nonzero_[i]) / static_cast<double>(all_[i]);
  }
}

}  // namespace syncopate::flow
