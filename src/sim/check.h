#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/machine.h"

namespace syncopate::sim {

/// How much of a run is replayed in the clocked engine.
enum class CheckMode : std::uint8_t { off, sample, full };
/// "off", "sample" or "full"; InputError otherwise.
CheckMode check_mode_from(std::string_view name);

struct CheckOptions {
  CheckMode mode = CheckMode::sample;
  std::uint64_t seed = 1;
  /// Operand pairs to replay per layer (sample): whole blocks of outputs, down to the stored
  /// results, where they fit: a block may use up what is left of the budget, and each of its
  /// outputs takes as much again as eight pairs from further blocks. Larger blocks and tiles are
  /// cut to some of their pixels; now and then one is replayed whole all the same (sim/sample.h).
  std::int64_t pairs = 25'000;
};

/// A difference between what should be the same.
struct Mismatch {
  std::string layer;          ///< Name of the gconv.
  std::int64_t tile = 0;      ///< Index in the layer's execution order.
  std::string what;           ///< "cycles", "loads", "sum of pixel 3, output 7", ...
  std::int64_t expected = 0;  ///< Counting engine, or fixed-point chain.
  std::int64_t found = 0;     ///< Clocked engine.
};
/// One line for people.
std::string to_string(const Mismatch& mismatch);

struct CheckResult {
  std::int64_t tiles = 0;    ///< Replayed, all counts compared.
  std::int64_t pairs = 0;    ///< Operand pairs of these tiles.
  std::int64_t sums = 0;     ///< Partial sums compared with a plain evaluation.
  std::int64_t outputs = 0;  ///< Results compared with the fixed-point chain's.
  std::int64_t differences = 0;
  std::vector<Mismatch> first;  ///< The first few of them, in order of tiles.
  CheckResult& operator+=(const CheckResult& other);
};

/// Replays tiles of a layer in the clocked engine, in parallel. Every count must equal the counting
/// engine's. Blocks of outputs are replayed over all their input blocks, summed, sent through the
/// gconv's post and compared with the fixed-point chain; where not even a pixel of a block fits the
/// budget, a single tile's partial sums are compared with a plain evaluation instead.
/// In full mode the tiles' counts must also add up to the layer's, and the timeline must be told
/// the same as the tiles' results say.
CheckResult check_layer(const LayerRun& run, const LayerData& data, const CheckOptions& options);

}  // namespace syncopate::sim
