#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/integers.h"

namespace syncopate::codec {

/// A canonical prefix code: lengths alone define it; codes of one length are consecutive, in the
/// order of the symbols.
class PrefixCode {
 public:
  static constexpr int kLongest = 15;

  /// The shortest code of at most kLongest bits for symbols with these counts.
  static PrefixCode from_counts(std::span<const std::uint64_t> counts);
  /// InputError unless the lengths are those of a prefix code.
  static PrefixCode from_lengths(std::vector<std::uint8_t> lengths);

  void write(BitWriter& writer) const;
  /// Reads a code of at most `symbols` symbols.
  static PrefixCode read(BitReader& reader, std::uint32_t symbols);

  void encode(BitWriter& writer, std::uint32_t symbol) const {
    writer.put(codes_[symbol], lengths_[symbol]);
  }
  std::uint32_t decode(BitReader& reader) const;
  /// Bits that symbols with these counts take.
  std::uint64_t bits(std::span<const std::uint64_t> counts) const;
  const std::vector<std::uint8_t>& lengths() const { return lengths_; }

 private:
  std::vector<std::uint8_t> lengths_;
  std::vector<std::uint32_t> codes_;  ///< First bit lowest.
  std::uint32_t first_code_[kLongest + 1] = {}, first_symbol_[kLongest + 2] = {};
  std::vector<std::uint32_t> sorted_;  ///< Symbols by length, then number.
};

/// The "huffman" mode: values as symbols of one prefix code per tensor; zeros among them, or as run
/// lengths between non-zero values, or as run lengths between blocks, whichever is shortest.
Bytes encode_huffman(std::span<const std::int32_t> values, const Shape& shape);
void decode_huffman(std::span<const std::byte> bytes, const Shape& shape,
                    std::span<std::int32_t> values);

}  // namespace syncopate::codec
