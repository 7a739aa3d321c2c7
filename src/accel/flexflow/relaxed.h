#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/flexflow/config.h"

// The counting engine's clock: PEs that run ahead of each other within bounds, from bit masks of
// their operands (flexflow.md section 11).

namespace syncopate::accel::flexflow {

/// Who waits for whom.
struct RelaxedRules {
  std::int64_t array = 16;  ///< D.
  std::int64_t slack = 1;   ///< F; 0: unbounded.
  Refill refill = Refill::skew;
  std::int64_t slices = 4;  ///< 16-bit slices of a mask scanned per cycle; 4 hide empty ones.
  bool bus = false;         ///< Refills take a cycle for each of their words.
};

/// Rows and columns padded to whole vectors of 16.
inline std::int64_t padded(std::int64_t array) { return (array + 15) / 16 * 16; }

/// Consecutive output steps between two refills of the local stores. Masks are arrays of
/// [word][column] of 32 pairs each, columns padded; a pair counts when both masks have its bit.
struct Segment {
  const std::uint32_t* neurons = nullptr;
  const std::uint32_t* synapses = nullptr;
  std::int64_t words = 1;
  /// Per step and (padded) row, where that row's masks begin, in words.
  const std::int32_t* neurons_at = nullptr;
  const std::int32_t* synapses_at = nullptr;
  /// Per step and row, and per row: -1 where there is an output, else 0; an output needs both.
  const std::int32_t* present = nullptr;
  const std::int32_t* alive = nullptr;
  std::int64_t steps = 0;
  /// All rows have the same neurons in a step, and the synapses of row r are `stride * r` words on,
  /// whatever the step; for arrays of up to 16 rows.
  bool one_pixel = false;
  std::int64_t stride = 0;
  /// With slices < 4, per word and column: 1 for each slice (2: in either half; 1: one in each
  /// 16-bit half) that holds pairs of the pass, else 0.
  const std::uint32_t* floors = nullptr;
  /// Per column, least cycles per output; null: 0.
  const std::uint32_t* minimum = nullptr;
  std::int64_t refill_words = 0;  ///< On the busiest bus.
};

/// One tile. For row r, PE c and output step o, with n(c,o) the cycles that the pairs take:
///   f(c,o) = max(f(c,o-1), s(o-F), gate) + n(c,o)
///   s(o)   = max(s(o-1) + 1, max over c of f(c,o))       where the row has an output, else s(o-1)
/// The gate of segment k opens when all rows are through segment k-2 (skew) or k-1 (barrier), and
/// with `bus` when its words have come in one by one after that.
class RelaxedArray {
 public:
  explicit RelaxedArray(const RelaxedRules& rules);
  /// Begins a tile.
  void reset();
  void run(const Segment& segment);

  /// Time when the last row is done.
  std::int64_t cycles() const { return through_[0]; }
  std::int64_t issued() const { return issued_; }  ///< Pairs.
  std::int64_t busy() const { return busy_; }      ///< PE cycles; more than pairs where scans show.
  /// Cycles in which all PEs waited for a bus.
  std::int64_t refilling() const { return refilling_; }

 private:
  RelaxedRules rules_;
  bool vectors_;
  std::int64_t lanes_;  ///< Rows, and columns, padded.
  std::vector<std::int32_t> finish_, reduced_, ring_;
  std::int64_t step_ = 0;
  std::int64_t through_[2] = {0, 0};  ///< When all rows were through the last two segments.
  std::int64_t filled_ = 0;           ///< When the buses had brought the last segment.
  std::int64_t issued_ = 0, busy_ = 0, refilling_ = 0;
};

/// Whether RelaxedArray uses the vector code; `set_vector_code(false)` turns it off for tests.
bool vector_code();
void set_vector_code(bool on);

}  // namespace syncopate::accel::flexflow
