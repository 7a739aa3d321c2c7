#pragma once

#include <cstdint>
#include <vector>

#include "accel/fesa/config.h"
#include "sim/weights.h"

namespace syncopate::accel::fesa {

/// A set of kernel positions, 64 to a word.
using Pattern = std::vector<std::uint64_t>;
bool has(const Pattern& pattern, std::int64_t position);
/// Positions of a pattern.
std::int64_t size_of(const Pattern& pattern);

/// The patterns of a layer's kernels. A kernel is the positions of one output at one input; its
/// pattern holds all its non-zero weights. Where kernels have no more different masks than the
/// machine has patterns, as after pruning to patterns, these are the patterns. Otherwise one is the
/// whole kernel, the others are the masks that save the most positions, and every kernel takes the
/// smallest one that holds it [assumed]. Kernels of one position have one pattern: nothing is left
/// out of them [assumed].
class Patterns {
 public:
  Patterns(const sim::Weights& weights, std::int64_t most);
  const std::vector<Pattern>& all() const { return patterns_; }
  /// Sizes of the patterns.
  std::int64_t size(std::int64_t pattern) const {
    return sizes_[static_cast<std::size_t>(pattern)];
  }
  /// Pattern of the kernel of an output (over all groups) at an input.
  std::int64_t of(std::int64_t out, std::int64_t in) const {
    return ids_.empty() ? 0 : ids_[static_cast<std::size_t>(out * ins_ + in)];
  }
  /// Of an output, at all inputs; null where there is one pattern only.
  const std::uint8_t* row(std::int64_t out) const {
    return ids_.empty() ? nullptr : ids_.data() + out * ins_;
  }

 private:
  void choose(const sim::Weights& weights, std::int64_t most);

  std::int64_t ins_;
  std::vector<Pattern> patterns_;
  std::vector<std::int64_t> sizes_;
  std::vector<std::uint8_t> ids_;  ///< [out][in]
};

/// Bits of a pattern's number in the index; 0 where there is one pattern.
std::int64_t id_bits(std::int64_t patterns);

}  // namespace syncopate::accel::fesa
