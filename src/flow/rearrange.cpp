#include "flow/rearrange.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.h"
#include "flow/channel_samples.h"
#include "flow/grouping.h"
#include "flow/prepare.h"
#include "gconv/rearrange.h"
#include "ref/fixed_net.h"

namespace syncopate::flow {
namespace {

/// Non-zeros of every channel of tensors that convolutions read.
class ChannelCounts {
 public:
  explicit ChannelCounts(const gconv::Chain& chain) : chain_(chain) {}

  void add(const gconv::GConv& gconv, const ref::FixedNet::Reader& read) {
    for (const gconv::ChannelPart& part : gconv::summed_channels(chain_, gconv)) {
      const Tensor& tensor = read(part.tensor);
      if (tensor.dtype() == DType::i8) count(tensor.data<std::int8_t>(), part);
      if (tensor.dtype() == DType::i16) count(tensor.data<std::int16_t>(), part);
    }
  }
  /// Densest first; ties as they were. A class that no convolution reads stays as it is.
  std::vector<std::int32_t> order(const gconv::ChannelClass& one) const {
    std::vector<std::int64_t> nonzeros(static_cast<std::size_t>(one.channels), 0);
    for (const gconv::ChannelPart& part : one.parts) {
      const auto found = counts_.find(part.tensor);
      if (found == counts_.end()) continue;
      for (std::size_t c = 0; c < nonzeros.size(); ++c) {
        nonzeros[c] += found->second[static_cast<std::size_t>(part.first) + c];
      }
    }
    std::vector<std::int32_t> order(nonzeros.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return nonzeros[static_cast<std::size_t>(a)] > nonzeros[static_cast<std::size_t>(b)];
    });
    return order;
  }

 private:
  template <class T>
  void count(std::span<const T> values, const gconv::ChannelPart& part) {
    const auto channels = static_cast<std::size_t>(chain_.tensor(part.tensor).shape[1]);
    std::vector<std::int64_t>& counts = counts_[part.tensor];
    counts.resize(channels, 0);
    const auto first = static_cast<std::size_t>(part.first);
    for (std::size_t row = 0; row + channels <= values.size(); row += channels) {
      for (std::size_t c = first; c < first + static_cast<std::size_t>(part.channels); ++c) {
        counts[c] += values[row + c] != 0;
      }
    }
  }

  const gconv::Chain& chain_;
  std::map<std::string, std::vector<std::int64_t>> counts_;
};

/// Channels densest first, or where takers know better, as these want them.
using Order = std::function<std::vector<std::int32_t>(const gconv::ChannelClass&,
                                                      const ChannelCounts&, const ChannelSamples&)>;

/// Runs the inputs and orders channels by what they show.
gconv::Chain in_order(const gconv::Chain& chain, std::span<const std::vector<Tensor>> inputs,
                      std::span<const Passes> passes, const Order& order) {
  const std::vector<gconv::ChannelClass> classes = gconv::free_channels(chain);
  ChannelCounts counts(chain);
  ChannelSamples samples(chain, passes, inputs.size());
  const ref::FixedNet net(chain);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    net.run(inputs[i], [&](std::size_t index, const ref::FixedNet::Reader& read) {
      counts.add(chain.gconvs[index], read);
      samples.add(index, i, read);
    });
  }
  std::vector<std::vector<std::int32_t>> orders(classes.size());
  tbb::parallel_for(std::size_t{0}, classes.size(),
                    [&](std::size_t k) { orders[k] = order(classes[k], counts, samples); });
  return gconv::rearrange(chain, classes, orders);
}

/// The best of the channels as they are, sorted, and dealt to rows, improved.
std::vector<std::int32_t> grouped(const std::vector<Taker>& takers,
                                  const std::vector<std::int32_t>& sorted) {
  std::vector<std::int32_t> as_is(sorted.size());
  std::iota(as_is.begin(), as_is.end(), 0);
  std::vector<std::vector<std::int32_t>> starts = {std::move(as_is), sorted};
  for (const Taker& taker : takers) {
    if (taker.vector > 1) starts.push_back(deal(sorted, taker.vector));
  }
  return best_order(takers, starts);
}

}  // namespace

std::vector<std::vector<Tensor>> inputs_to_order_by(const Inputs& inputs) {
  std::vector<std::vector<Tensor>> first;
  for (std::size_t i = 0; i < std::min(inputs.size(), kMostCalibrationInputs); ++i) {
    first.push_back(inputs.load(i));
  }
  return first;
}

gconv::Chain rearrange_channels(const gconv::Chain& chain,
                                std::span<const std::vector<Tensor>> inputs) {
  const std::vector<Passes> none(chain.gconvs.size());
  return in_order(chain, inputs, none,
                  [](const auto& channels, const ChannelCounts& counts, const auto&) {
                    return counts.order(channels);
                  });
}

gconv::Chain group_channels(const gconv::Chain& chain, std::span<const std::vector<Tensor>> inputs,
                            std::span<const Passes> passes) {
  return in_order(
      chain, inputs, passes,
      [](const auto& channels, const ChannelCounts& counts, const ChannelSamples& samples) {
        return grouped(samples.takers(channels), counts.order(channels));
      });
}

std::vector<Passes> passes_of(const gconv::Chain& chain, const sim::Accelerator& accelerator,
                              const arch::Spec& spec) {
  if (accelerator.passes == nullptr) {
    fail("{} does not take channels in passes: nothing to group them for", accelerator.name);
  }
  const sim::Program program = accelerator.compile(chain, spec);
  std::vector<Passes> result;
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    Passes& passes = result.emplace_back(accelerator.passes(program, i, spec));
    passes.erase(std::unique(passes.begin(), passes.end()), passes.end());
  }
  return result;
}

gconv::Chain reordered(gconv::Chain chain, std::span<const std::vector<Tensor>> inputs,
                       Rearrangement order, const sim::Accelerator& machine,
                       const Params& overrides) {
  switch (order) {
    case Rearrangement::none:
      break;
    case Rearrangement::sorted:
      return rearrange_channels(chain, inputs);
    case Rearrangement::grouped:
      return group_channels(chain, inputs, passes_of(chain, machine, machine.spec(overrides)));
  }
  return chain;
}

}  // namespace syncopate::flow
