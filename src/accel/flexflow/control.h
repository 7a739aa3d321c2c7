#pragma once

#include <cstdint>

#include "accel/flexflow/mapping.h"

namespace syncopate::accel::flexflow {

/// What a PE's window does from one output to the next (flexflow.md section 3.3).
enum class Event : std::uint8_t {
  start,  ///< E0: a new pass.
  stay,   ///< E1: the same neurons; only the kernel rotates.
  slide,  ///< E2: on along the neuron row.
  jump    ///< E3: to another neuron row.
};
enum class State : std::uint8_t { initial, hold, increase, jump };  ///< S0 to S3.

/// The four-state control of one PE: where its window's neurons begin in its residue class, and
/// which synapse the first of them meets.
class Control {
 public:
  /// For the PEs of residues (u, v).
  Control(const Mapping& mapping, std::int64_t u, std::int64_t v)
      : mapping_(mapping), u_(u), v_(v) {}

  void restart() { fresh_ = true; }
  /// Moves on to the window of the output at (row, col) of a map.
  Event move(std::int64_t row, std::int64_t col);
  State state() const { return state_; }
  /// Coordinates, within the layer's sub-lattice, of the first neuron that the PE reads.
  std::int64_t neuron_row() const { return row_; }
  std::int64_t neuron_col() const { return col_; }
  /// The synapse it meets: of K, the first kernel row and column of the PE's residue class.
  std::int64_t kernel_row() const { return kernel_row_; }
  std::int64_t kernel_col() const { return kernel_col_; }

 private:
  const Mapping& mapping_;
  std::int64_t u_, v_;
  bool fresh_ = true;
  State state_ = State::initial;
  std::int64_t row_ = 0, col_ = 0, kernel_row_ = 0, kernel_col_ = 0;
};

}  // namespace syncopate::accel::flexflow
