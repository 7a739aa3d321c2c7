#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "base/params.h"

namespace syncopate::accel::systolic {

/// The machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

/// Place in Spec::actions: a neuron moves on to the next column, a partial sum to the next row.
inline constexpr std::size_t kNeuronHop = array::kFirstOwnActWithoutIndex;
inline constexpr std::size_t kSumHop = kNeuronHop + 1;

/// The parameters that compiler and engines read, as numbers.
struct Config {
  std::int64_t rows = 32, columns = 32;
  bool loading = true;  ///< A pass lasts at least as long as the next one's weights take to enter.

  std::int64_t pes() const { return rows * columns; }
  /// Cycles until the first sum leaves the array.
  std::int64_t fill() const { return rows + columns - 2; }
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::systolic
