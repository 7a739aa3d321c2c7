#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "accel/scnn/config.h"
#include "map/tiling.h"

// Planar tiles, stride phases and groups of output channels: what compiler and controller know of a
// layer before they see an operand.

namespace syncopate::accel::scnn {

/// Channels that a fully connected layer's inputs are folded into one by one: a "channel" of such a
/// layer is a 16 x 16 plane of inputs, padded with zeros [public: DNNsim code].
inline constexpr std::int64_t kFoldSide = 16;
inline constexpr std::int64_t kFold = kFoldSide * kFoldSide;

/// A kernel position as one stride phase sees it.
struct Tap {
  std::int64_t position = 0;             ///< (kt*KH + kh)*KW + kw
  std::array<std::int64_t, 3> offset{};  ///< Subtracted from an activation's place to get the
                                         ///< output pixel.
};
/// An input coordinate in one dimension: the phase it belongs to, and its place within that phase.
struct Place {
  std::int64_t phase = 0, at = 0;
};
/// Half-open range in one dimension.
struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};
/// What a PE owns, {T, H, W}: PEs split rows and columns, not frames.
using Area = std::array<Range, 3>;

/// A layer under a tiling. An activation at input coordinate a and a weight at kernel position k
/// meet when a + pad and k*dilation have the same remainder by the stride, their phase; with the
/// quotients u and v the product belongs to output u - v.
///
/// Weights of a channel are one stream per group of output channels and phase, in the order of taps
/// outside and outputs inside, or the reverse.
class Geometry {
 public:
  Geometry(const Config& config, const map::Loops& loops, const map::Tiling& tiling);

  /// A fully connected layer: inputs are folded into planes.
  bool folded() const { return folded_; }
  /// Kc: output channels of a group, as many as a PE's accumulators hold for its planar tile.
  std::int64_t group_outputs() const { return group_outputs_; }
  std::int64_t groups(std::int64_t outputs) const;
  std::int64_t phases() const { return static_cast<std::int64_t>(taps_.size()); }
  /// Kernel positions of a phase; may be none.
  const std::vector<Tap>& taps(std::int64_t phase) const {
    return taps_[static_cast<std::size_t>(phase)];
  }
  /// Phase and quotient of an input coordinate.
  Place place(std::size_t dim, std::int64_t coordinate) const;
  std::int64_t phase(const std::array<std::int64_t, 3>& phases) const;
  /// Channels that are processed between two barriers.
  std::int64_t barrier_channels() const { return folded_ ? kFold : 1; }

  /// Input activations and outputs of a PE in a box; empty ones are {x, x}. For folded layers the
  /// part of the 16 x 16 plane, and the one output for the first PE.
  Area inputs(const map::TileBox& box, std::int64_t pe) const;
  Area outputs(const map::TileBox& box, std::int64_t pe) const;
  /// PE that owns an input of a folded layer.
  std::int64_t fold_owner(std::int64_t input) const;
  /// The most partial sums, per output channel, that a PE computes for others.
  std::int64_t halo(const map::TileBox& box) const;

 private:
  Area split(const std::array<Range, 3>& whole, std::int64_t pe) const;
  Config config_;
  map::Loops loops_;
  bool folded_ = false;
  std::int64_t group_outputs_ = 1;
  std::vector<std::vector<Tap>> taps_;  ///< Per phase.
};

}  // namespace syncopate::accel::scnn
