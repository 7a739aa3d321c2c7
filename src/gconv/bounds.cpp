#include "gconv/bounds.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

#include "gconv/fixed_post.h"

namespace syncopate::gconv {
namespace {

template <class T>
double sum_of_magnitudes(const T* values, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t value = values[i];
    sum += value < 0 ? -value : value;
  }
  return static_cast<double>(sum);
}

/// Sums |weight| over the taps (the ks indices) of output channel `channel` in dimension
/// `along`, maximized over the kernels that share the channel.
class TapWalker {
 public:
  TapWalker(const GConv& gconv, const View& view, int along)
      : gconv_(gconv), view_(view), along_(along) {}

  template <class T>
  double largest_sum(const T* weights, std::int64_t channel) const {
    return over_kernels(weights, 0, view_.base, channel);
  }

 private:
  template <class T>
  double over_kernels(const T* weights, std::size_t d, std::int64_t at,
                      std::int64_t channel) const {
    if (d == gconv_.dims.size()) {
      return over_taps(weights, 0, at);
    }
    const Dim& dim = gconv_.dims[d];
    const std::int64_t step = view_.strides[d] * dim.nks;
    if (static_cast<int>(d) == along_) {
      return over_kernels(weights, d + 1, at + (channel / dim.nopc) * step, channel);
    }
    double largest = 0;
    for (std::int64_t k = 0; k < (step == 0 ? 1 : dim.ng * dim.nop); ++k) {
      largest = std::max(largest, over_kernels(weights, d + 1, at + k * step, channel));
    }
    return largest;
  }

  template <class T>
  double over_taps(const T* weights, std::size_t d, std::int64_t at) const {
    std::int64_t run = 1;  // trailing dimensions that lie contiguously
    std::size_t end = gconv_.dims.size();
    while (end > d && (gconv_.dims[end - 1].nks == 1 || view_.strides[end - 1] == run)) {
      run *= gconv_.dims[--end].nks;
    }
    if (end == d) {
      return sum_of_magnitudes(weights + at, run);
    }
    double sum = 0;
    for (std::int64_t k = 0; k < gconv_.dims[d].nks; ++k) {
      sum += over_taps(weights, d + 1, at + k * view_.strides[d]);
    }
    return sum;
  }

  const GConv& gconv_;
  const View& view_;
  int along_;
};

double entry(const Bound& bound, std::size_t channel) {
  return bound[bound.size() == 1 ? 0 : channel];
}

Bound operand_bound(const Chain& chain, const View& view, const Bounds& wide,
                    std::size_t channels) {
  const TensorInfo& info = chain.tensor(view.tensor);
  if (info.dtype != DType::i64) {
    return {type_bound(info.dtype)};
  }
  const auto found = wide.find(view.tensor);
  if (found == wide.end()) {
    broken("exact sum '{}' is read before it is written", view.tensor);
  }
  if (found->second.size() == 1 || found->second.size() == channels) {
    return found->second;
  }
  return {*std::max_element(found->second.begin(), found->second.end())};
}

/// Number of terms one output adds up.
double terms(const GConv& gconv) {
  double product = 1;
  if (gconv.reduce == Reduce::add) {
    for (const Dim& dim : gconv.dims) {
      product *= static_cast<double>(dim.nks);
    }
  }
  return product;
}

}  // namespace

double type_bound(DType dtype) { return dtype == DType::i8 ? 128 : 32768; }

std::vector<double> weight_sums(const GConv& gconv, const TensorInfo& kernel) {
  const int along = gconv.channel.empty() ? -1 : gconv.dim_index(gconv.channel);
  const auto channels =
      along < 0 ? 1
                : static_cast<std::size_t>(gconv.dims[static_cast<std::size_t>(along)].outputs());
  std::vector<double> sums(channels);
  const TapWalker walker(gconv, *gconv.kernel, along);
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, channels), [&](const auto& range) {
    for (std::size_t c = range.begin(); c < range.end(); ++c) {
      const auto channel = static_cast<std::int64_t>(c);
      sums[c] = kernel.dtype == DType::i8
                    ? walker.largest_sum(kernel.constant->data<std::int8_t>().data(), channel)
                    : walker.largest_sum(kernel.constant->data<std::int16_t>().data(), channel);
    }
  });
  return sums;
}

Bound sum_bound(const Chain& chain, const GConv& gconv, const Bounds& wide,
                const std::vector<double>* kernel_sums) {
  const int along = gconv.channel.empty() ? -1 : gconv.dim_index(gconv.channel);
  const auto channels =
      along < 0 ? 1
                : static_cast<std::size_t>(gconv.dims[static_cast<std::size_t>(along)].outputs());
  Bound result = operand_bound(chain, gconv.input, wide, channels);
  for (double& value : result) {
    value = gconv.pre == Pre::square ? value * value : value;
  }
  if (!gconv.kernel) {
    for (double& value : result) {
      value *= terms(gconv);
    }
    return result;
  }
  if (kernel_sums != nullptr && gconv.main == Main::mul) {
    Bound sums = *kernel_sums;
    sums.resize(std::max(sums.size(), result.size()), sums[0]);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      sums[c] *= entry(result, c);
    }
    return sums;
  }
  const Bound other = operand_bound(chain, *gconv.kernel, wide, channels);
  result.resize(std::max(result.size(), other.size()), result[0]);
  for (std::size_t c = 0; c < result.size(); ++c) {
    const double k = entry(other, c);
    const double one = gconv.main == Main::mul
                           ? result[c] * k
                           : result[c] * static_cast<double>(gconv.input_factor) +
                                 k * static_cast<double>(gconv.kernel_factor);
    result[c] = one * terms(gconv);
  }
  return result;
}

Bound post_bound(const GConv& gconv, const Bound& sums) {
  const FixedPost& post = *gconv.fixed;
  Bound result(
      std::max({sums.size(), post.multiplier.size(), post.bias.size(), post.shift.size()}));
  for (std::size_t c = 0; c < result.size(); ++c) {
    const auto channel = static_cast<std::int64_t>(c);
    const double scaled =
        entry(sums, c) * std::abs(static_cast<double>(channel_entry(post.multiplier, channel))) +
        std::abs(static_cast<double>(channel_entry(post.bias, channel)));
    if (entry(sums, c) >= kSumLimit || scaled >= kSumLimit) {
      broken("gconv '{}': the post of channel {} could reach {:.3g}, beyond 2^62", gconv.name, c,
             std::max(entry(sums, c), scaled));
    }
    const double rounded = std::ldexp(scaled, -channel_entry(post.shift, channel)) + 1;
    const double ends =
        std::max(std::abs(static_cast<double>(post.low)), std::abs(static_cast<double>(post.high)));
    result[c] = std::min(rounded, ends);
  }
  return result;
}

}  // namespace syncopate::gconv
