#include "flow/rearrange.h"

#include <algorithm>
#include <map>
#include <numeric>

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

}  // namespace

gconv::Chain rearrange_channels(const gconv::Chain& chain, const Inputs& inputs) {
  const std::vector<gconv::ChannelClass> classes = gconv::free_channels(chain);
  ChannelCounts counts(chain);
  const ref::FixedNet net(chain);
  for (std::size_t i = 0; i < std::min(inputs.size(), kMostCalibrationInputs); ++i) {
    net.run(inputs.load(i), [&](std::size_t index, const ref::FixedNet::Reader& read) {
      counts.add(chain.gconvs[index], read);
    });
  }
  std::vector<std::vector<std::int32_t>> orders;
  orders.reserve(classes.size());
  for (const gconv::ChannelClass& one : classes) orders.push_back(counts.order(one));
  return gconv::rearrange(chain, classes, orders);
}

}  // namespace syncopate::flow
