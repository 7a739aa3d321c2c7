#include "accel/flexflow/relaxed.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "accel/flexflow/relaxed_kernel.h"

namespace syncopate::accel::flexflow {
namespace {

std::atomic<bool> vectors_allowed{true};

/// Cycles of one word of a PE's matched pairs.
std::uint32_t beats_of(std::uint32_t pairs, std::uint32_t floor, std::int64_t slices) {
  const auto count = static_cast<std::uint32_t>(std::popcount(pairs));
  if (slices == 4) return count;
  if (slices == 2) return std::max(count, floor);
  const auto low = static_cast<std::uint32_t>(std::popcount(pairs & 0xffff));
  return std::max(low, floor & 1) + std::max(count - low, floor >> 16);
}

/// The recurrence for one row and step; returns when the row's slowest PE is done.
std::int32_t plain_row(const KernelArgs& a, const std::uint32_t* neurons,
                       const std::uint32_t* synapses, bool present, std::int32_t gate,
                       std::int32_t* finish) {
  std::int32_t latest = 0;
  for (std::int64_t c = 0; c < a.lanes; ++c) {
    std::uint32_t pairs = 0, beats = 0;
    for (std::int64_t w = 0; w < a.segment.words; ++w) {
      const std::uint32_t both = neurons[w * a.lanes + c] & synapses[w * a.lanes + c];
      pairs += static_cast<std::uint32_t>(std::popcount(both));
      beats += beats_of(both, a.slices == 4 ? 0 : a.segment.floors[w * a.lanes + c], a.slices);
    }
    if (a.segment.minimum != nullptr) beats = std::max(beats, a.segment.minimum[c]);
    if (!present) beats = 0;
    *a.issued += pairs;
    *a.busy += beats;
    finish[c] = std::max(finish[c], gate) + static_cast<std::int32_t>(beats);
    latest = std::max(latest, finish[c]);
  }
  return latest;
}

/// For any CPU, and the yardstick of the vector code.
void plain_kernel(const KernelArgs& a) {
  const Segment& g = a.segment;
  for (std::int64_t step = 0; step < g.steps; ++step) {
    std::int32_t* slot = a.ring + (a.slack == 0 ? 0 : (a.first_step + step) % a.slack) * a.lanes;
    for (std::int64_t r = 0; r < a.lanes; ++r) {
      const std::int64_t at = step * a.lanes + r;
      const std::int32_t gate = std::max(a.gate, a.slack == 0 ? 0 : slot[r]);
      const bool present = (g.present[at] & g.alive[r]) != 0;
      const std::int32_t latest =
          plain_row(a, g.neurons + g.neurons_at[at], g.synapses + g.synapses_at[at], present, gate,
                    a.finish + r * a.lanes);
      if (present) a.reduced[r] = std::max(a.reduced[r] + 1, latest);
      *a.latest = std::max(*a.latest, std::int64_t{a.reduced[r]});
      if (a.slack != 0) slot[r] = a.reduced[r];
    }
  }
}

}  // namespace

RelaxedArray::RelaxedArray(const RelaxedRules& rules)
    : rules_(rules), vectors_(vector_code()), lanes_(padded(rules.array)) {
  finish_.resize(static_cast<std::size_t>(lanes_ * lanes_));
  reduced_.resize(static_cast<std::size_t>(lanes_));
  ring_.resize(static_cast<std::size_t>(lanes_ * rules.slack));
}

void RelaxedArray::reset() {
  std::fill(finish_.begin(), finish_.end(), 0);
  std::fill(reduced_.begin(), reduced_.end(), 0);
  std::fill(ring_.begin(), ring_.end(), 0);
  step_ = through_[0] = through_[1] = filled_ = issued_ = busy_ = refilling_ = 0;
}

void RelaxedArray::run(const Segment& segment) {
  std::int64_t gate = rules_.refill == Refill::skew      ? through_[1]
                      : rules_.refill == Refill::barrier ? through_[0]
                                                         : 0;
  if (rules_.bus) {
    filled_ = gate = std::max(filled_, gate) + segment.refill_words;
    refilling_ += std::max<std::int64_t>(0, gate - through_[0]);
  }
  std::int64_t latest = through_[0];
  const KernelArgs args{segment,        lanes_,          rules_.slack,
                        rules_.slices,  step_,           static_cast<std::int32_t>(gate),
                        finish_.data(), reduced_.data(), ring_.data(),
                        &issued_,       &busy_,          &latest};
  if (!vectors_ || !vector_kernel(args)) plain_kernel(args);
  step_ += segment.steps;
  through_[1] = through_[0];
  through_[0] = latest;
}

bool vector_code() { return vectors_allowed && has_vector_kernel(); }
void set_vector_code(bool on) { vectors_allowed = on; }

}  // namespace syncopate::accel::flexflow
