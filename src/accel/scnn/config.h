#pragma once

#include <cstdint>

#include "arch/spec.h"
#include "array/actions.h"
#include "base/params.h"

namespace syncopate::accel::scnn {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

// Actions beside the common ones.
/// A vector of weights, from a PE's weight FIFO.
inline constexpr std::size_t kFifoRead = array::kFirstOwnAct;
/// The output coordinate of one product.
inline constexpr std::size_t kCoordinate = kFifoRead + 1;
/// One product through the crossbar to its bank.
inline constexpr std::size_t kRoute = kCoordinate + 1;
/// One partial sum of an accumulator bank.
inline constexpr std::size_t kBankRead = kRoute + 1;
inline constexpr std::size_t kBankWrite = kBankRead + 1;

/// Where an output's partial sum lies: bank (x + row*y + frame*t + channel*k) mod banks, for pixel
/// (t, y, x) and output k.
struct BankHash {
  std::int64_t banks = 32, row = 7, frame = 13, channel = 27;
};

/// The parameters that compiler and engines read, as numbers.
struct Config {
  std::int64_t pe_rows = 4, pe_columns = 4;
  std::int64_t neurons = 4;  ///< I: activations of a vector.
  std::int64_t weights = 4;  ///< F: weights of a vector; I*F multipliers in a PE.
  BankHash hash;
  std::int64_t accumulators = 6144;  ///< Partial sums of a PE.
  bool outputs_inside = true;        ///< Order of the weights of a stream, see Geometry.
  bool halo = true;
  std::int64_t fill_cycles = 0;

  std::int64_t pes() const { return pe_rows * pe_columns; }
  std::int64_t multipliers() const { return neurons * weights; }  ///< Of a PE.
  explicit Config(const arch::Spec& spec);
};

}  // namespace syncopate::accel::scnn
