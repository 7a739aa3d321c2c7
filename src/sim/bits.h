#pragma once

#include <cstdint>
#include <span>

// Words of bits: bit i is bit i%64 of word i/64. Functions marked [fast] use the widest popcount
// and compare instructions of the CPU.

namespace syncopate::sim {

/// Bit i of `bits` becomes values[i] != 0; the last word's unused bits become 0. [fast]
void pack_nonzero(std::span<const std::int16_t> values, std::uint64_t* bits);
void pack_nonzero(std::span<const std::int8_t> values, std::uint64_t* bits);

/// 64 bits from bit `begin` on; reads the word of bit begin+63 too.
inline std::uint64_t word_at(const std::uint64_t* words, std::int64_t begin) {
  const auto shift = static_cast<unsigned>(begin % 64);
  const std::uint64_t* at = words + begin / 64;
  return shift == 0 ? at[0] : (at[0] >> shift) | (at[1] << (64 - shift));
}

/// ORs bits [begin, begin + count) of `from` into bits [at, at + count) of `to`. Touches no word of
/// either beyond those ranges.
void append_bits(const std::uint64_t* from, std::int64_t begin, std::int64_t count,
                 std::uint64_t* to, std::int64_t at);

/// Set bits of `words` words. [fast]
std::int64_t count_bits(const std::uint64_t* a, std::int64_t words);
/// Set bits of a AND b. [fast]
std::int64_t count_common(const std::uint64_t* a, const std::uint64_t* b, std::int64_t words);
/// Set bits in bits [begin, end). [fast]
std::int64_t count_range(const std::uint64_t* words, std::int64_t begin, std::int64_t end);
/// counts[i] = set bits of a AND b in window i of `window_words` words each; the last window may be
/// shorter. [fast]
void count_windows(const std::uint64_t* a, const std::uint64_t* b, std::int64_t words,
                   std::int64_t window_words, std::int32_t* counts);

}  // namespace syncopate::sim
