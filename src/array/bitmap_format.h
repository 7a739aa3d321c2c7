#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "array/block_sums.h"
#include "array/weight_image.h"

namespace syncopate::array {

/// Weights as masks and non-zero values. A segment's synapses: [output][position] the non-zero
/// values, 16 bits each; its index: [output][position] one bit, packed without gaps.
class BitmapFormat : public WeightFormat {
 public:
  /// `grain`: outputs that blocks of the tiling are multiples of.
  BitmapFormat(std::shared_ptr<const sim::Weights> weights, std::int64_t grain);
  map::Footprint footprint() const override;
  SegmentBytes bytes(const Segment& segment) const override;
  void encode(const Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;

 protected:
  const sim::Weights& weights() const { return *weights_; }
  /// Non-zero weights of one output of a segment.
  std::int64_t nonzero(const Segment& segment, std::int64_t out) const;

 private:
  std::shared_ptr<const sim::Weights> weights_;
  std::int64_t grain_, rows_;
  BlockSums nonzero_;  ///< Per `grain_` outputs and 16 inputs.
};

/// The weights of a segment from its bytes: [output][position], zeros included.
std::vector<std::int16_t> decode_bitmap(std::span<const std::byte> synapses,
                                        std::span<const std::byte> index, std::int64_t outputs,
                                        std::int64_t positions);

}  // namespace syncopate::array
