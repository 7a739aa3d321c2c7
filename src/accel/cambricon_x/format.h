#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "accel/cambricon_x/config.h"
#include "array/block_sums.h"
#include "array/weight_image.h"

// Weights in Cambricon-X's format: every PE keeps its own non-zero synapses, each with the number
// of zeros before it (its step). A gap that a step cannot express is bridged by fillers: stored
// zeros.
//
// A segment's synapses: [lane group][lane][entry], 16 bits each; its index: [lane group][lane] the
// number of entries, 24 bits, and their steps; both packed without gaps.

namespace syncopate::accel::cambricon_x {

inline constexpr int kCountBits = 24;

/// A stored synapse.
struct Entry {
  std::int32_t position = 0;  ///< In the step's order.
  std::int16_t value = 0;
  bool filler = false;
};

/// Fillers that a lane with that mask needs when a step skips at most reach - 1 zeros.
std::int64_t count_fillers(std::span<const std::uint64_t> mask, std::int64_t reach);

/// What every output's lane holds under a tiling: counts that the format needs for sizes and the
/// counting engine for cycles.
struct LaneCounts {
  struct Lane {
    std::int32_t pairs = 0;    ///< Synapses that are not zero.
    std::int32_t fillers = 0;  ///< Besides.
  };
  std::int64_t outs = 0, in_blocks = 0, block = 1;
  std::vector<Lane> lanes;  ///< [group][output][input block]
  const Lane& at(std::int64_t group, std::int64_t out, std::int64_t in0) const {
    return lanes[static_cast<std::size_t>((group * outs + out) * in_blocks + in0 / block)];
  }
};
/// Made once per weights, inputs per block and reach.
std::shared_ptr<const LaneCounts> lane_counts(const sim::Weights& weights, std::int64_t block,
                                              std::int64_t reach);

class StepFormat : public array::WeightFormat {
 public:
  StepFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  void set_tiling(const map::Tiling& tiling) override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  std::shared_ptr<const sim::Weights> weights_;
  std::int64_t reach_;
  int step_bits_;
  std::int64_t lanes_, lane_groups_;
  array::BlockSums nonzero_;  ///< Per lane group and 16 inputs.
  std::shared_ptr<const LaneCounts> counts_;
};

/// Entries of every output of a segment, in order, from its bytes.
std::vector<std::vector<Entry>> decode_steps(std::span<const std::byte> synapses,
                                             std::span<const std::byte> index, std::int64_t outputs,
                                             int step_bits);

}  // namespace syncopate::accel::cambricon_x
