#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "base/params.h"

namespace syncopate::accel::sense {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

/// How a PE finds the pairs of non-zero operands that it multiplies.
enum class PeMode : std::uint8_t {
  cartesian,  ///< Every non-zero input of its tile with every non-zero weight; 1 a cycle.
  match       ///< Output by output, the AND of two bitmaps; 1 match a cycle.
};

/// Which operand is fetched from DRAM once.
enum class Dataflow : std::uint8_t {
  ifm_first,     ///< Input maps stay, weights stream.
  weight_first,  ///< The reverse.
  reuse,         ///< Partition Reuse: one of the two for a whole network.
  adaptive       ///< One of the two for every layer, by what moves fewer bytes.
};

// Actions beside the common ones.
/// An index computation of one product: coordinates (cartesian) or the pick of a match.
inline constexpr std::size_t kCoordinate = array::kFirstOwnAct;
/// One partial sum of a PE's own memory.
inline constexpr std::size_t kSumRead = kCoordinate + 1;
inline constexpr std::size_t kSumWrite = kCoordinate + 2;
/// An operand moves from one PE to the next.
inline constexpr std::size_t kHop = kCoordinate + 3;
/// A channel's counter of non-zeros: counts, or is compared by the sorter.
inline constexpr std::size_t kChannelCount = kCoordinate + 4;
inline constexpr std::size_t kSort = kCoordinate + 5;

/// The parameters that compiler and engines read, as numbers.
struct Config {
  std::int64_t rows = 32, columns = 32;
  PeMode mode = PeMode::cartesian;
  Dataflow dataflow = Dataflow::adaptive;
  std::int64_t tile = 0;          ///< Side of a PE's tile of outputs; 0: chosen per layer.
  std::int64_t sum_words = 256;   ///< Partial sums that a PE holds.
  std::int64_t group = 32;        ///< Channels of a PE in 1 x 1 layers, at most.
  bool spread = true;             ///< A PE gets fewer when that fills more rows.
  bool spare = true;              ///< Rows without a channel take further tiles of the map.
  bool sorted = false;            ///< Channels are grouped by density at run time.
  bool sort_hidden = true;        ///< Sorting takes no time of the array.
  bool pipelined = true;          ///< A pass fills while the one before it computes.
  std::int64_t row_words = 0;     ///< Values a cycle that enter a row; 0: as many as needed.
  double expected_density = 0.5;  ///< Of input maps, for Partition Reuse.
  std::int64_t neurons = 0;       ///< Input elements that half of the buffer holds.
  std::int64_t sums = 0;          ///< Partial sums that half of theirs holds.

  std::int64_t pes() const { return rows * columns; }
  /// Cycles until the last PE of the array has its first operands.
  std::int64_t fill() const { return rows + columns - 2; }
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::sense
