#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::ref {

/// Where packed pairs of elements go: those of a lane's first pair lie at the start, the second
/// pair's `pair_step` further, and the next two pairs `step` further than these.
struct PairSteps {
  std::int64_t pair_step = 0, step = 0;
};

/// Writes `count` elements of each of `lanes` rows, `pitch` apart, as pairs: lane l two elements
/// behind lane l - 1. An odd last element stands alone in its pair.
void put_rows(const std::int16_t* rows, std::int64_t pitch, std::int64_t lanes, std::int64_t count,
              const PairSteps& steps, std::int16_t* to);

/// Reorders [count][kernel] to [kernel][count].
class Deinterleave {
 public:
  explicit Deinterleave(std::int64_t kernel);
  void operator()(const std::int16_t* from, std::int64_t count, std::int16_t* to) const;

 private:
  std::int64_t kernel_;
  /// Per output vector and input vector: which of its elements go where; empty when elements are
  /// better moved one by one.
  std::vector<std::int16_t> places_;  ///< 32 each.
  std::vector<std::uint32_t> masks_;
};

}  // namespace syncopate::ref
