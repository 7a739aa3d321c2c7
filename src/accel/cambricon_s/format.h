#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "accel/cambricon_s/config.h"
#include "array/block_sums.h"
#include "array/weight_image.h"

// Weights in Cambricon-S's format. The 16 outputs of a lane group share one index: a bit per block
// of inputs and kernel position, 1 where any of them has a weight [recalled, high]. What the index
// marks is stored for every lane, zeros included, as 16-bit values or as codes into the layer's
// codebook.
//
// A segment's synapses: [lane group][lane][marked position], `bits` each; its index: [lane group]
// [kernel position][block]; both packed without gaps.

namespace syncopate::accel::cambricon_s {

/// How a layer's synapses are written.
struct SynapseCode {
  int bits = 16;                       ///< Of a stored synapse: 16 (a value), 8 or 4 (a code).
  std::int64_t block = 1;              ///< Inputs per index bit, a power of two up to 32.
  std::vector<std::int16_t> codebook;  ///< Value of each code; empty for 16-bit values.
};

/// Blocks of inputs that [in0, in1) touches.
inline std::int64_t index_blocks(std::int64_t block, std::int64_t in0, std::int64_t in1) {
  return (in1 + block - 1) / block - in0 / block;
}

class BlockFormat : public array::WeightFormat {
 public:
  BlockFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  std::vector<std::byte> table() const override;
  void configure(std::vector<sim::Instruction>& code) const override;

  const SynapseCode& code() const { return code_; }

 private:
  std::int64_t synapse_bytes(const array::Segment& segment) const;
  std::int64_t index_bytes(const array::Segment& segment) const;
  void encode_index(const array::Segment& segment, std::span<std::byte> index) const;
  void encode_values(const array::Segment& segment, std::span<std::byte> synapses) const;
  void encode_codes(const array::Segment& segment, std::span<std::byte> synapses) const;
  /// The weights of an output that the index marks at one kernel position, appended.
  void collect(const array::Segment& segment, std::int64_t out, std::int64_t position,
               std::vector<std::int16_t>& scratch, std::vector<std::int16_t>& values) const;
  void tabulate();
  void choose_block();
  void choose_codebook(const Config& config);
  std::int64_t lane_group(std::int64_t group, std::int64_t out) const {
    return group * lane_groups_ + out / lanes_;
  }
  /// Mask of a lane group at one kernel position.
  const std::uint64_t* shared(std::int64_t lane_group, std::int64_t position) const {
    return shared_->row(lane_group * weights_->loops().kernel_size() + position).data();
  }

  std::shared_ptr<const sim::Weights> weights_;
  std::int64_t lanes_, lane_groups_;  ///< Lane groups per group of the convolution.
  const sim::BitPlane* shared_;       ///< Of the weights: where any lane of a group has one.
  array::BlockSums stored_;           ///< Synapses per lane group and 16 inputs, all lanes.
  SynapseCode code_;
};

}  // namespace syncopate::accel::cambricon_s
