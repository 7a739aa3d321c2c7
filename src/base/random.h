#pragma once

#include <cstdint>

namespace syncopate {

/// xoshiro256** seeded by splitmix64: small, fast, and the same numbers on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  /// Uniform 64 bits.
  std::uint64_t bits();
  /// Uniform in [low, high], both included; needs low <= high.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  /// Uniform in [0, 1).
  double uniform();
  /// Standard normal (Box-Muller).
  double normal();
  bool chance(double probability) { return uniform() < probability; }

 private:
  std::uint64_t state_[4];
};

}  // namespace syncopate
