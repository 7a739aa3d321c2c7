#include "sim/lanes.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::sim {

Lanes::Lanes(std::int64_t lanes, std::int64_t slack) : slack_(slack) {
  if (lanes < 1 || slack < 1) broken("{} lanes with slack {}: both must be >= 1", lanes, slack);
  finish_.assign(static_cast<std::size_t>(lanes), 0);
}

void Lanes::step(std::span<const std::int32_t> beats) {
  if (beats.size() != finish_.size()) {
    broken("{} beats for {} lanes", beats.size(), finish_.size());
  }
  const bool bounded = slack_ != kFreeRunning;
  // The slot that release(t) will fill holds release(t - slack), once the ring is full.
  const auto slot = bounded ? static_cast<std::size_t>(steps_ % slack_) : 0;
  const std::int64_t gate = bounded && steps_ >= slack_ ? release_[slot] : 0;
  std::int64_t latest = 0;
  for (std::size_t lane = 0; lane < beats.size(); ++lane) {
    finish_[lane] = std::max(finish_[lane], gate) + beats[lane];
    latest = std::max(latest, finish_[lane]);
    beats_ += beats[lane];
  }
  if (bounded) {
    if (slot == release_.size()) {
      release_.push_back(latest);
    } else {
      release_[slot] = latest;
    }
  }
  ++steps_;
}

std::int64_t Lanes::makespan() const { return *std::max_element(finish_.begin(), finish_.end()); }

std::int64_t Lanes::waited() const {
  return static_cast<std::int64_t>(finish_.size()) * makespan() - beats_;
}

}  // namespace syncopate::sim
