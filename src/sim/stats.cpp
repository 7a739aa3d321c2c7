#include "sim/stats.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::sim {
namespace {

constexpr std::string_view kNames[kCauses] = {"work",  "bubble", "imbalance", "underfill",
                                              "index", "fill",   "memory"};

/// Adds times * other to total, field by field. A default-constructed operand has no actions and
/// counts as all zeros.
void accumulate(Stats& total, const Stats& other, std::int64_t times) {
  total.cycles += times * other.cycles;
  for (std::size_t i = 0; i < kCauses; ++i) total.causes[i] += times * other.causes[i];
  total.pairs_required += times * other.pairs_required;
  total.pairs_issued += times * other.pairs_issued;
  total.pairs_effectual += times * other.pairs_effectual;
  total.neuron_read_bytes += times * other.neuron_read_bytes;
  total.synapse_read_bytes += times * other.synapse_read_bytes;
  total.index_read_bytes += times * other.index_read_bytes;
  total.write_bytes += times * other.write_bytes;
  if (other.actions.empty()) return;
  if (total.actions.empty()) total.actions.resize(other.actions.size());
  if (total.actions.size() != other.actions.size()) {
    broken("statistics with {} and {} kinds of actions cannot be added", total.actions.size(),
           other.actions.size());
  }
  for (std::size_t i = 0; i < other.actions.size(); ++i) {
    total.actions[i] += times * other.actions[i];
  }
}

}  // namespace

std::string_view name_of(Cause cause) { return kNames[static_cast<std::size_t>(cause)]; }

Stats& Stats::operator+=(const Stats& other) {
  accumulate(*this, other, 1);
  return *this;
}

Stats& Stats::operator-=(const Stats& other) {
  accumulate(*this, other, -1);
  return *this;
}

Stats& Stats::add(const Stats& other, std::int64_t times) {
  accumulate(*this, other, times);
  return *this;
}

void verify(const Stats& stats, std::int64_t multipliers, std::string_view what) {
  std::int64_t sum = 0, lowest = stats.cycles;
  for (const std::int64_t cause : stats.causes) {
    sum += cause;
    lowest = std::min(lowest, cause);
  }
  for (const std::int64_t action : stats.actions) lowest = std::min(lowest, action);
  lowest = std::min({lowest, stats.pairs_effectual, stats.neuron_read_bytes,
                     stats.synapse_read_bytes, stats.index_read_bytes, stats.write_bytes});
  if (sum != multipliers * stats.cycles) {
    broken("{}: causes sum to {}, not to {} multipliers x {} cycles", what, sum, multipliers,
           stats.cycles);
  }
  if (lowest < 0) broken("{}: a count is negative ({})", what, lowest);
  if (stats.pairs_effectual > stats.pairs_issued || stats.pairs_issued > stats.pairs_required) {
    broken("{}: {} effectual, {} issued, {} required pairs", what, stats.pairs_effectual,
           stats.pairs_issued, stats.pairs_required);
  }
  if (stats.pairs_issued > multipliers * stats.cycles) {
    broken("{}: {} pairs issued in {} cycles of {} multipliers", what, stats.pairs_issued,
           stats.cycles, multipliers);
  }
}

}  // namespace syncopate::sim
