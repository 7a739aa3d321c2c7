#pragma once

#include <cstdint>
#include <span>
#include <vector>

// The recurrence everything stands on (DESIGN section 1). A lane walks steps; a step costs it
// beats; it may run at most `slack` steps ahead of the slowest lane:
//
//   finish(l,t) = max(finish(l,t-1), release(t-slack)) + beats(l,t),  release(t) = max over l
//   finish(l,t)

namespace syncopate::sim {

/// Slack without limit: lanes never wait for each other.
inline constexpr std::int64_t kFreeRunning = INT64_MAX;

/// Streaming evaluation of the recurrence for a fixed number of lanes and slack.
class Lanes {
 public:
  /// InternalError unless lanes >= 1 and slack >= 1.
  Lanes(std::int64_t lanes, std::int64_t slack);
  /// Adds one step; `beats` has one entry per lane.
  void step(std::span<const std::int32_t> beats);
  /// Time when the slowest lane has finished all steps so far.
  std::int64_t makespan() const;
  /// Cycles lanes spent waiting for slower lanes, final wait included: lanes * makespan - sum of
  /// beats.
  std::int64_t waited() const;

 private:
  std::int64_t slack_;
  std::int64_t steps_ = 0;
  std::int64_t beats_ = 0;
  std::vector<std::int64_t> finish_;
  std::vector<std::int64_t>
      release_;  ///< Ring of the last `slack` releases; empty when free running.
};

}  // namespace syncopate::sim
