#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/bytes.h"

// Range asymmetric numeral systems: 32-bit states, renormalized by 16 bits, several of them taking
// turns so that their latencies overlap.

namespace syncopate::codec {

/// Frequencies of symbols in units of 2^-bits; they sum to one, every symbol that occurs has some.
struct Frequencies {
  int bits = 12;
  int mantissa = 12;  ///< Bits below the highest that each has; the first symbol has what is left.
  std::vector<std::uint32_t> of;

  /// The precisions with the shortest table and data, and the best frequencies in it.
  static Frequencies from_counts(std::span<const std::uint64_t> counts);
  /// Bytes that symbols which occur so often take.
  double code_length(std::span<const std::uint64_t> counts) const;
  void write(ByteWriter& writer) const;
  /// InputError when they sum to more than one or there are over `symbols`.
  static Frequencies read(ByteReader& reader, std::uint32_t symbols);
};

/// Logarithm of how many states take turns, up to 3, on symbols that take so many bytes: more for
/// more, as each costs two bytes.
int rans_log_lanes(double bytes);

/// Codes symbols; the decoder gives them back in this order.
void rans_encode(std::span<const std::uint16_t> symbols, const Frequencies& frequencies,
                 int log_lanes, Bytes& out);
/// Decodes values.size() symbols as `meaning[symbol]`. InputError when the bytes end early or do
/// not end where they should.
void rans_decode(std::span<const std::byte> bytes, const Frequencies& frequencies, int log_lanes,
                 std::span<const std::int32_t> meaning, std::span<std::int32_t> values);

}  // namespace syncopate::codec
