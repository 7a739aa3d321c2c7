#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "accel/spots/config.h"
#include "array/weight_image.h"

namespace syncopate::accel::spots {

/// Weights by columns: those of a piece's filters at one position. Index: per group of filters a
/// bit per position, set where any of them has a weight; synapses: of these positions all weights
/// of the group, 16 bits each.
class ColumnFormat : public array::WeightFormat {
 public:
  ColumnFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  /// Filters of the group that begins at `out`.
  std::int64_t filters(const array::Segment& segment, std::int64_t out) const;
  std::span<const std::uint64_t> any(const array::Segment& segment, std::int64_t out,
                                     std::int64_t position) const;

  std::shared_ptr<const sim::Weights> weights_;
  std::int64_t height_, pieces_;
};

/// The weights of a segment from its bytes: [output][position], zeros included.
std::vector<std::int16_t> decode_columns(std::span<const std::byte> synapses,
                                         std::span<const std::byte> index, std::int64_t height,
                                         std::int64_t outputs, std::int64_t positions);

}  // namespace syncopate::accel::spots
