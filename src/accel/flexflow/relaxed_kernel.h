#pragma once

#include <cstdint>
#include <span>

#include "accel/flexflow/relaxed.h"

// Internal to RelaxedArray: the recurrence over one segment, in vectors.

namespace syncopate::accel::flexflow {

struct KernelArgs {
  const Segment& segment;
  std::int64_t lanes;       ///< Rows and columns, padded.
  std::int64_t slack;       ///< 0: unbounded.
  std::int64_t slices;      ///< 1, 2 or 4.
  std::int64_t first_step;  ///< Of the segment within the tile.
  std::int32_t gate;
  std::int32_t* finish;   ///< [row][column]
  std::int32_t* reduced;  ///< [row]
  std::int32_t* ring;     ///< [step mod slack][row]
  std::int64_t *issued, *busy;
  std::int64_t* latest;  ///< Raised to the latest reduction.
};

/// Whether this CPU has the instructions.
bool has_vector_kernel();
/// Runs a segment; false, with nothing done, for arrays that it does not cover.
bool vector_kernel(const KernelArgs& args);

/// The inputs under a window, each an array of [word][lane] whose first `bits` bits count.
struct WindowArgs {
  const std::uint32_t* inputs;
  std::span<const std::int64_t> places;  ///< Of each input, in units of words * lanes; -1: none.
  std::span<const std::int64_t> slots;   ///< Where its bits begin in the window.
  std::int64_t input_words, bits;
  std::int64_t words, lanes;  ///< Of the window.
  std::uint32_t* to;          ///< Zero before.
};
/// Puts the bits of a window's inputs side by side.
void or_window(const WindowArgs& args);

/// Transposes `count` groups of 16 bits: bit l of group i becomes bit (slot + i) % 32 of word (slot
/// + i) / 32 of lane l, in an array of [word][16]. The bits there are zero before.
void spread_bits(const std::uint16_t* groups, std::int64_t count, std::int64_t slot,
                 std::uint32_t* to);

}  // namespace syncopate::accel::flexflow
