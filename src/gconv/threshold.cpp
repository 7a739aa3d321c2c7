#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "gconv/quantize.h"

namespace syncopate::gconv {
namespace {

/// Before:  w = [ 5 -100 2 ]   y = clamp(round(sum * m / 2^s), 0, 7)
/// After:   w = [ 0 -100 0 ]   y = table[clamp(round(sum * m / 2^s), 0, 7)], table = 0 0 0 3 4 5 6
/// 7 with thresholds of 0.1 for weights and 3/7 for activations.
bool weighted(const Chain& chain, const GConv& gconv) {
  return gconv.main == Main::mul && gconv.reduce == Reduce::add && gconv.kernel &&
         chain.tensor(gconv.kernel->tensor).constant;
}

template <class T>
void clear_tiny(std::span<T> values, std::int64_t blocks, double share) {
  const std::size_t size = values.size() / static_cast<std::size_t>(blocks);
  for (std::size_t begin = 0; size > 0 && begin < values.size(); begin += size) {
    int largest = 0;
    for (std::size_t i = begin; i < begin + size; ++i)
      largest = std::max(largest, std::abs(int{values[i]}));
    const double least = share * largest;
    for (std::size_t i = begin; i < begin + size; ++i) {
      if (std::abs(int{values[i]}) < least) values[i] = 0;
    }
  }
}

void clear_tiny_weights(TensorInfo& info, double share) {
  const std::int64_t blocks =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(info.channel_scale.size()));
  Tensor values = *info.constant;
  if (info.dtype == DType::i8) {
    clear_tiny(values.mutable_data<std::int8_t>(), blocks, share);
  } else {
    clear_tiny(values.mutable_data<std::int16_t>(), blocks, share);
  }
  info.constant = std::move(values);
}

/// The post followed by y -> 0 where |y| < least.
void clear_tiny_results(FixedPost& post, double least) {
  std::vector<std::int16_t> table;
  for (std::int64_t y = post.low; y <= post.high; ++y) {
    const std::int64_t value =
        post.table ? (*post.table)[static_cast<std::size_t>(y - post.low)] : y;
    const bool tiny = static_cast<double>(std::abs(value)) < least;
    table.push_back(tiny ? std::int16_t{0} : static_cast<std::int16_t>(value));
  }
  post.table = std::make_shared<const std::vector<std::int16_t>>(std::move(table));
}

}  // namespace

void apply_thresholds(Chain& chain, double weights, double activations) {
  for (const double share : {weights, activations}) {
    if (!(share >= 0 && share <= 1)) fail("threshold {}: expected a share from 0 to 1", share);
  }
  std::set<std::string> kernels, inputs;
  for (const GConv& gconv : chain.gconvs) {
    if (!weighted(chain, gconv)) continue;
    kernels.insert(gconv.kernel->tensor);
    inputs.insert(gconv.input.tensor);
  }
  if (weights > 0) {
    for (const std::string& name : kernels) clear_tiny_weights(chain.tensor(name), weights);
  }
  if (activations <= 0) return;
  for (GConv& gconv : chain.gconvs) {
    const TensorInfo& output = chain.tensor(gconv.output.tensor);
    if (!gconv.fixed || !inputs.contains(gconv.output.tensor)) continue;
    if (output.dtype != DType::i8 && output.dtype != DType::i16) continue;
    clear_tiny_results(
        *gconv.fixed,
        activations * static_cast<double>(largest_activation(output.dtype == DType::i8 ? 8 : 16)));
  }
}

}  // namespace syncopate::gconv
