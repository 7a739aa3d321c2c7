#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "accel/fesa/patterns.h"
#include "array/block_sums.h"
#include "array/weight_image.h"

namespace syncopate::accel::fesa {

/// Kernels as patterns and values. Synapses: [output][input] the weights at the pattern's
/// positions, zeros among them included, 16 bits each; index: [output][input] the pattern's number,
/// id_bits() each; table: the patterns, a bit per kernel position, each in whole bytes.
class PatternFormat : public array::WeightFormat {
 public:
  PatternFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  std::vector<std::byte> table() const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  std::int64_t positions(const array::Segment& segment) const;
  std::int64_t numbers() const { return static_cast<std::int64_t>(patterns_.all().size()); }

  std::shared_ptr<const sim::Weights> weights_;
  Patterns patterns_;
  std::int64_t grain_, rows_;
  array::BlockSums stored_;  ///< Positions per `grain_` outputs and 16 inputs.
};

/// A segment's kernels from its bytes.
struct Kernels {
  std::vector<std::int64_t> ids;                  ///< [output][input]
  std::vector<Pattern> patterns;                  ///< By number.
  std::vector<std::vector<std::int16_t>> values;  ///< [output][input] those of the pattern.
};
Kernels decode_kernels(std::span<const std::byte> synapses, std::span<const std::byte> index,
                       std::span<const std::byte> table, std::int64_t patterns,
                       std::int64_t kernels, std::int64_t kernel_size);

}  // namespace syncopate::accel::fesa
