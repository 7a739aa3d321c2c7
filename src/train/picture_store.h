#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "data/dataset.h"
#include "data/normalization.h"

namespace syncopate::train {

/// A split on the device, and how its pixels become numbers.
class PictureStore {
 public:
  PictureStore(const data::DataSet& set, const data::Normalization& how, torch::Device device)
      : device_(device), bgr_(how.bgr) {
    const std::int64_t channels = set.channels;
    pixels_ = torch::empty({set.count(), channels, set.height, set.width}, torch::kByte);
    std::memcpy(pixels_.data_ptr(), set.pixels.data(), set.pixels.size());
    pixels_ = pixels_.to(device);
    labels_ = torch::empty({set.count()}, torch::kLong);
    std::ranges::copy(set.labels, labels_.data_ptr<std::int64_t>());
    labels_ = labels_.to(device);
    std::vector<float> factors, offsets;
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      const double deviation = how.deviation[std::min(c, how.deviation.size() - 1)];
      factors.push_back(static_cast<float>(how.scale / deviation));
      offsets.push_back(
          static_cast<float>(-how.mean[std::min(c, how.mean.size() - 1)] / deviation));
    }
    factors_ = torch::tensor(factors).view({1, channels, 1, 1}).to(device);
    offsets_ = torch::tensor(offsets).view({1, channels, 1, 1}).to(device);
  }
  /// Network inputs of bytes [pictures, channels, height, width].
  torch::Tensor normalized(const torch::Tensor& bytes) const {
    torch::Tensor x = bytes.to(device_, /*non_blocking=*/true);
    if (bgr_) x = x.flip(1);
    x = x.contiguous(torch::MemoryFormat::ChannelsLast).to(torch::kFloat);
    return x.mul_(factors_).add_(offsets_);
  }
  /// The same of the stored pictures, as they are.
  torch::Tensor inputs(std::int64_t begin, std::int64_t end) const {
    return normalized(pixels_.slice(0, begin, end));
  }
  torch::Tensor labels(std::int64_t begin, std::int64_t end) const {
    return labels_.slice(0, begin, end);
  }
  std::int64_t count() const { return labels_.size(0); }

 private:
  torch::Device device_;
  bool bgr_;
  torch::Tensor pixels_, labels_, factors_, offsets_;
};

}  // namespace syncopate::train
