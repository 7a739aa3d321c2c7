#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/small_vector.h"

namespace syncopate::sim {

/// Why a multiplier spent a cycle as it did. Every multiplier-cycle has exactly one cause.
enum class Cause : std::uint8_t {
  work,       ///< Multiplied two non-zero operands (or did a required non-multiply operation).
  bubble,     ///< Multiplied by a zero.
  imbalance,  ///< Its lane waited for a slower lane.
  underfill,  ///< No pair for it: fewer outputs than lanes, or a tail shorter than the multipliers.
  index,      ///< Waited for index logic, or held a filler of the index format.
  fill,       ///< Pipeline fill and drain.
  memory,     ///< Waited for DRAM.
};
inline constexpr std::size_t kCauses = 7;
std::string_view name_of(Cause cause);

/// Plain counts of a tile, layer or run; they add and subtract.
struct Stats {
  std::int64_t cycles = 0;
  std::array<std::int64_t, kCauses> causes{};  ///< Multiplier-cycles; sums to multipliers * cycles.
  std::int64_t pairs_required = 0;      ///< Operand pairs of the dense layer, padding included.
  std::int64_t pairs_issued = 0;        ///< Sent to multipliers.
  std::int64_t pairs_effectual = 0;     ///< Both operands non-zero. <= issued <= required.
  std::int64_t neuron_read_bytes = 0;   ///< DRAM reads of inputs.
  std::int64_t synapse_read_bytes = 0;  ///< DRAM reads of weights and codebooks.
  std::int64_t index_read_bytes = 0;
  std::int64_t write_bytes = 0;           ///< DRAM writes.
  SmallVector<std::int64_t, 16> actions;  ///< One count per arch::Spec::actions, DRAM included.

  std::int64_t& operator[](Cause cause) { return causes[static_cast<std::size_t>(cause)]; }
  std::int64_t operator[](Cause cause) const { return causes[static_cast<std::size_t>(cause)]; }
  std::int64_t read_bytes() const {
    return neuron_read_bytes + synapse_read_bytes + index_read_bytes;
  }
  std::int64_t dram_bytes() const { return read_bytes() + write_bytes; }
  Stats& operator+=(const Stats& other);
  Stats& operator-=(const Stats& other);
  /// Adds what happened `times` times.
  Stats& add(const Stats& other, std::int64_t times);
  bool operator==(const Stats&) const = default;
};

/// Holds the conservation laws: causes sum to multipliers * cycles, nothing is negative, effectual
/// pairs <= issued pairs <= required pairs, and each multiplier issues at most one pair a cycle.
/// InternalError naming `what` and the law.
void verify(const Stats& stats, std::int64_t multipliers, std::string_view what);

}  // namespace syncopate::sim
