#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "base/params.h"

namespace syncopate::accel::cambricon_x {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

/// The parameters that the engines and the compiler read, as numbers.
struct Config {
  static constexpr std::int64_t lanes = 16;  ///< PEs.
  static constexpr std::int64_t width = 16;  ///< Multipliers per PE.
  std::int64_t window = 0;  ///< Wn: positions that an indexing module scans a cycle.
  bool fifo = true;         ///< Selected pairs are compacted across windows.
  bool issue_fillers = false;
  int step_bits = 4;       ///< Of a step index.
  std::int64_t slack = 1;  ///< Steps a PE may run ahead of the slowest, plus one.
  std::int64_t fill_cycles = 0;

  /// Largest number of zeros that one step skips, plus one.
  std::int64_t reach() const { return std::int64_t{1} << step_bits; }
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::cambricon_x
