#pragma once

#include <memory>
#include <span>
#include <vector>

#include "accel/flexflow/isa.h"
#include "array/block_sums.h"
#include "array/weight_image.h"

// Synapses in DRAM and in the kernel buffer, in the order [output][kernel position][input] within a
// segment: all of them, 16 bits each; or compressed, the non-zero ones and, as index, one bit each.

namespace syncopate::accel::flexflow {

class SynapseFormat : public array::WeightFormat {
 public:
  SynapseFormat(std::shared_ptr<const sim::Weights> weights, const LayerProgram& layer,
                bool compress);
  map::Footprint footprint() const override;
  void set_tiling(const map::Tiling& tiling) override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  /// The ChannelOrder of a balanced layer, 32 bits per input.
  std::vector<std::byte> table() const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  std::int64_t nonzero(std::int64_t group, std::int64_t out0, std::int64_t out1, std::int64_t in0,
                       std::int64_t in1) const;

  std::shared_ptr<const sim::Weights> weights_;
  LayerProgram layer_;
  bool compress_;
  std::int64_t out_grain_, in_grain_, out_groups_;
  array::BlockSums nonzero_;  ///< Per Tm outputs and Tn inputs; empty when not compressed.
  ChannelOrder order_;        ///< Of a balanced layer.
};

/// The weights of a segment of `count` synapses from its bytes.
std::vector<std::int16_t> decode_synapses(std::span<const std::byte> synapses,
                                          std::span<const std::byte> index, std::int64_t count);
/// The table of a balanced layer.
ChannelOrder decode_order(std::span<const std::byte> table);

}  // namespace syncopate::accel::flexflow
