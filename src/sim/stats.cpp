#include "sim/stats.h"

#include "base/error.h"

namespace syncopate::sim {
namespace {

constexpr std::string_view kNames[kCauses] = {"work",  "bubble", "imbalance", "underfill",
                                              "index", "fill",   "memory"};

/// Adds sign * other to total, field by field. A default-constructed operand has no actions and
/// counts as all zeros.
void accumulate(Stats& total, const Stats& other, std::int64_t sign) {
  total.cycles += sign * other.cycles;
  for (std::size_t i = 0; i < kCauses; ++i) total.causes[i] += sign * other.causes[i];
  total.pairs_required += sign * other.pairs_required;
  total.pairs_issued += sign * other.pairs_issued;
  total.pairs_effectual += sign * other.pairs_effectual;
  total.neuron_read_bytes += sign * other.neuron_read_bytes;
  total.synapse_read_bytes += sign * other.synapse_read_bytes;
  total.index_read_bytes += sign * other.index_read_bytes;
  total.write_bytes += sign * other.write_bytes;
  if (other.actions.empty()) return;
  if (total.actions.empty()) total.actions.resize(other.actions.size());
  if (total.actions.size() != other.actions.size()) {
    broken("statistics with {} and {} kinds of actions cannot be added", total.actions.size(),
           other.actions.size());
  }
  for (std::size_t i = 0; i < other.actions.size(); ++i) {
    total.actions[i] += sign * other.actions[i];
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

}  // namespace syncopate::sim
