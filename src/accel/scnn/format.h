#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "accel/scnn/geometry.h"
#include "array/block_sums.h"
#include "array/weight_image.h"

// Compressed weights. A segment is cut into groups of Kc output channels; a group has a stream for
// every (channel, stride phase). A stream lists non-zero weights, each with the number of zeros
// before it, 4 bits; a longer gap is bridged by stored zeros, which the FIFOs drop. Index: per
// stream the number of entries, 20 bits, and their counts; synapses: their values, 16 bits.

namespace syncopate::accel::scnn {

/// A stored weight, in its stream's order.
struct Entry {
  std::int64_t output = 0;  ///< Within the group.
  std::int64_t tap = 0;     ///< Within the phase.
  std::int16_t value = 0;
};

class ZeroCountFormat : public array::WeightFormat {
 public:
  ZeroCountFormat(std::shared_ptr<const sim::Weights> weights, const Config& config);
  map::Footprint footprint() const override;
  void set_tiling(const map::Tiling& tiling) override;
  array::SegmentBytes bytes(const array::Segment& segment) const override;
  void encode(const array::Segment& segment, std::span<std::byte> synapses,
              std::span<std::byte> index) const override;
  void configure(std::vector<sim::Instruction>& code) const override;

 private:
  std::shared_ptr<const sim::Weights> weights_;
  Config config_;
  std::int64_t rows_;
  array::BlockSums nonzero_;  ///< Per kOutputGrain outputs and 16 inputs.
  std::optional<Geometry> geometry_;
};

/// Outputs that blocks of the tiling are multiples of [assumed].
inline constexpr std::int64_t kOutputGrain = 16;

/// Weights of a segment from its bytes: [group][channel][phase] the non-zeros in order.
using Streams = std::vector<std::vector<Entry>>;
Streams decode_streams(std::span<const std::byte> synapses, std::span<const std::byte> index,
                       const Config& config, const Geometry& geometry, std::int64_t outputs,
                       std::int64_t channels);

/// Rows of a group in the order of a phase's stream: calls use(output, tap) for each.
template <class Use>
void for_each_place(const Config& config, std::int64_t outputs, std::int64_t taps, const Use& use) {
  if (config.outputs_inside) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      for (std::int64_t out = 0; out < outputs; ++out) use(out, tap);
    }
  } else {
    for (std::int64_t out = 0; out < outputs; ++out) {
      for (std::int64_t tap = 0; tap < taps; ++tap) use(out, tap);
    }
  }
}

}  // namespace syncopate::accel::scnn
